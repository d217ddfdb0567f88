"""Channels that live in a worker."""

from __future__ import annotations

import ctypes
from typing import Any, Iterator, Optional

from . import _library, _structures
from ._codec.encode import Encoder
from ._future import Future, wait
from ._handles import Answer, Handle, Room
from ._library import lib
from ._queue import queue
from ._signals import Deferred
from ._values import decode, encode, nodes_of
from .errors import Interrupted, NotFoundError, TimeoutError


class RemoteChannel:
    """A bounded queue of values that lives in a worker. Thread-safe. It ends with its worker."""

    def __init__(self, handle: Handle, trust: bool) -> None:
        self._handle = handle
        self._trust = trust

    def put_async(self, value: object) -> Future:
        done = Answer()
        try:
            self._put(value, done)
            return Future(done, self._trust)
        except BaseException:
            lib.oast_future_cancel(done)
            raise

    def take_async(self) -> Future:
        """Once it is cancelled, it takes nothing."""
        return _take_async(self._handle.use(), self._trust)

    def put(self, value: object, timeout: Optional[float] = None) -> None:
        """Blocks while the channel is full. Raises NotFoundError when it is closed; TimeoutError
        after `timeout` seconds, and then nothing was put."""
        done = Answer()
        try:
            self._put(value, done)
            _put_or_take_back(done, timeout)
        except BaseException:
            lib.oast_future_cancel(done)
            raise

    def take(self, timeout: Optional[float] = None) -> Any:
        """Blocks while the channel is empty. Raises NotFoundError when it is closed and empty;
        TimeoutError after `timeout` seconds, and then no value was lost."""
        return _take(self._handle.use(), timeout, self._trust)

    def is_ready(self) -> bool:
        """Whether a take would not block. Raises NotFoundError when it is closed and empty."""
        ready = ctypes.c_int()
        channel = self._handle.use()
        _library.check(lib.oast_channel_ready(channel, ctypes.byref(ready)))
        return bool(ready.value)

    def close(self) -> None:
        """What it holds can still be taken."""
        channel = self._handle.use()
        _library.check(lib.oast_channel_close(channel))

    def __iter__(self) -> Iterator[Any]:
        """Takes until the channel is closed and empty."""
        while True:
            try:
                value = self.take()
            except NotFoundError:
                return
            yield value

    def _put(self, value: object, done: Room) -> None:
        encoded = encode((value,), self._trust)
        channel = self._handle.use()
        with Deferred():  # from the ticket to who pushes it
            release, ticket = lend(encoded)
            _library.check(
                lib.oast_channel_put_async(
                    channel, nodes_of(encoded), release, ticket, ctypes.byref(done)
                )
            )


def _put_or_take_back(memory: Room, timeout: Optional[float]) -> None:
    """Blocks until it was put. When the time is over first, cancels that and blocks for the answer,
    as it may have come too late."""
    value = _structures.Value()
    if wait(memory, timeout, value):
        return
    lib.oast_future_cancel(memory)
    try:
        wait(memory, None, value)
    except Interrupted:
        raise _no_answer(timeout) from None


_ANSWER_S = 1.0  # for a worker that runs a moment is enough, whatever its code does


def _take(channel: Handle, timeout: Optional[float], trust: bool) -> Any:
    """Blocks for the next value of the channel. A value that comes too late, or that nobody gets as
    a signal handler of Python raises, goes back to the channel."""
    value = _structures.Value()
    taken = Answer()
    try:  # from here to the return, where no handler runs between that and what follows the call
        _library.check(lib.oast_channel_take_async(channel, ctypes.byref(taken)))
        _wait_for_take(taken, timeout, value)
    except BaseException:
        _abandon(channel, taken)
        raise
    try:
        return decode(taken, value, trust)
    except Exception:
        raise  # nobody can read it
    except BaseException:
        _abandon(channel, taken)
        raise


def _wait_for_take(taken: Room, timeout: Optional[float], value: _structures.Value) -> None:
    if wait(taken, timeout, value):
        return
    lib.oast_future_cancel(taken)
    try:
        if wait(taken, _ANSWER_S, value):
            return
    except Interrupted:
        pass
    raise _no_answer(timeout)


def _take_async(channel: Handle, trust: bool) -> Future:
    taken = Answer()
    try:
        _library.check(lib.oast_channel_take_async(channel, ctypes.byref(taken)))
        return Future(taken, trust, taken_from=channel)
    except BaseException:
        _abandon(channel, taken)
        raise


def _abandon(channel: Handle, taken: Room) -> None:
    with Deferred():
        lib.oast_channel_abandon(channel, taken)


def _no_answer(timeout: Optional[float]) -> TimeoutError:
    return TimeoutError(f"the channel gave no answer for {timeout} s")


def lend(encoded: Encoder) -> "tuple[Optional[int], Optional[int]]":
    """How the library tells that it does not need large parts of the values any more."""
    if not encoded.lends:
        return None, None
    # The action does nothing but keep what it refers to until then.
    return lib.queue_push, queue.ticket(lambda kept=encoded: None)  # type: ignore[misc]
