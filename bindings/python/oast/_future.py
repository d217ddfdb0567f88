"""Answers under way."""

from __future__ import annotations

import asyncio
import concurrent.futures
import ctypes
import logging
import math
import threading
import time
from typing import Any, Callable, Generator, List, Optional, Tuple

from . import _library, _structures
from ._library import lib, quick
from ._handles import Handle, Room
from ._queue import queue
from ._signals import Condition, Deferred, on_main_thread, tell
from ._values import decode
from .errors import Error, TimeoutError

_SLICE_MS = 50  # after which a thread looks for signals and cancellation
_LOG = logging.getLogger("concurrent.futures")


def wait_for(memory: Room, timeout: Optional[float], trust: bool) -> Any:
    """Blocks for the value. Who calls it cancels what this raises for."""
    value = _structures.Value()
    if not wait(memory, timeout, value):
        raise TimeoutError(f"no answer after {timeout} s; it was cancelled")
    return decode(memory, value, trust)


def wait(
    memory: Room,
    timeout: Optional[float],
    value: _structures.Value,
    over: Optional[Callable[[], bool]] = None,
) -> bool:
    """Blocks for the value, or until `over()`; false when the time is over first. Raises what it
    failed with."""
    deadline = None if timeout is None or timeout == math.inf else time.monotonic() + timeout
    in_slices = over is not None or on_main_thread()
    room = ctypes.byref(value)
    while True:
        left = _left_ms(deadline)
        wait_ms = _SLICE_MS if in_slices and (left < 0 or left > _SLICE_MS) else left
        status = lib.oast_future_get(memory, wait_ms, room)
        if status == _library.OK:
            return True
        if status != _library.TIMEOUT:
            raise _library.last_error()
        if lib.oast_future_ready(memory):
            # The answer came when this slice was over already: only now its own status is given,
            # which may be a timeout, too.
            _library.check(lib.oast_future_get(memory, 0, room))
            return True
        if over is not None and over():
            return True
        if wait_ms == left:
            return False


def _key(memory: Room) -> Tuple[int, int]:
    host, request = ctypes.c_uint64(), ctypes.c_uint64()
    _library.check(
        quick.oast_future_key(memory, ctypes.byref(host), ctypes.byref(request))
    )
    return host.value, request.value


def _left_ms(deadline: Optional[float]) -> int:
    if deadline is None:
        return -1
    return _library.milliseconds(max(deadline - time.monotonic(), 0))


class Future(concurrent.futures.Future):  # type: ignore[type-arg]  # of Any, for Python 3.8
    """The answer to one request: a concurrent.futures.Future that can also be awaited.

    `cancel` cancels the request while it is queued and interrupts it while it runs. Callbacks run
    on a thread that waits for the result, unless that is the main thread, or on one of oast that
    all futures share. Whatever they raise, or printing raises, is told by sys.unraisablehook (an
    Exception of a callback: by logging), and the future ends all the same. Ctrl-C while the result
    is read (a pickle runs code) ends that: then the future has failed with KeyboardInterrupt.
    """

    def __init__(
        self,
        memory: Room,
        trust: bool,
        on_end: Optional[Callable[[], None]] = None,
        taken_from: Optional[Handle] = None,
    ) -> None:
        super().__init__()
        self._condition = Condition()
        self._done_callbacks: List[Callable[[Future], object]]  # of the base class
        self._memory: Optional[Room] = memory  # until it has ended
        self._ending = threading.Lock()
        self._trust = trust
        self._on_end = on_end
        self._taken_from = taken_from  # the channel
        self._key = _key(memory)
        with Deferred():  # which leaves no ticket behind that nobody pushes
            ticket = queue.ticket(self._end)
            _library.check(quick.oast_future_then(memory, lib.queue_push, ticket))

    @property
    def request(self) -> Optional[int]:
        """The number that this host gave the request, by which others can interrupt it and find it
        in the worker's log; with `host`. None where nobody else can know it."""
        return self._key[1] or None

    @property
    def host(self) -> Optional[int]:
        """The peer id of this host."""
        return self._key[0] or None

    def cancel(self) -> bool:
        """Does not block: the worker ends the request as soon as it can."""
        with Deferred():
            with self._ending:
                first = not self.cancelled()
                if not super().cancel():
                    return False
                if first:
                    self.set_running_or_notify_cancel()
                memory = self._memory
            if memory is not None:
                lib.oast_future_cancel(memory)
            return True

    def result(self, timeout: Optional[float] = None) -> Any:
        return super().result(self._wait_here(timeout))

    def exception(self, timeout: Optional[float] = None) -> Optional[BaseException]:
        return super().exception(self._wait_here(timeout))

    def __await__(self) -> Generator[Any, None, Any]:
        return asyncio.wrap_future(self).__await__()

    def _wait_here(self, timeout: Optional[float]) -> Optional[float]:
        """Receives the answer on this thread, which is quicker than to be told by another. Gives
        the timeout as the base class takes it."""
        if timeout == math.inf:
            timeout = None
        memory = self._memory
        if memory is None or self.done():
            return timeout
        try:
            if not wait(memory, timeout, _structures.Value(), self.done):
                raise concurrent.futures.TimeoutError()
        except Error:
            if not lib.oast_future_ready(memory):  # a handler that does not raise
                raise
        self._end()
        return timeout

    def _end(self) -> None:
        """It is ready. May be called again."""
        with Deferred() as deferred:
            with self._ending:
                memory, self._memory = self._memory, None
            if memory is not None:
                self._take_answer(memory, deferred)

    def _take_answer(self, memory: Room, deferred: Deferred) -> None:
        result, error = None, None
        try:
            if self._on_end is not None:
                self._on_end()
        except BaseException as caught:  # of printing: the result is there all the same
            tell(caught)
        try:  # what takes long, as it may run code of the program, or for ever
            result = deferred.interruptible(self._decode, memory)
        except BaseException as caught:  # whatever it is
            error = caught
        wanted = error is None or isinstance(error, Exception)
        try:
            if error is not None:
                self.set_exception(error)
            else:
                self.set_result(result)
        except concurrent.futures.InvalidStateError:  # it was cancelled
            wanted = False
        if not wanted and self._taken_from is not None:
            lib.oast_channel_abandon(self._taken_from, memory)
        if isinstance(error, KeyboardInterrupt) and on_main_thread():
            raise error  # also from `exception`, which would return it

    def _decode(self, memory: Room) -> Any:
        value = _structures.Value()
        _library.check(quick.oast_future_get(memory, 0, ctypes.byref(value)))
        return decode(memory, value, self._trust)

    def _invoke_callbacks(self) -> None:
        """Of the base class, for which only an Exception does not end the others."""
        if self._done_callbacks and on_main_thread():  # where Ctrl-C would end them
            quick.oast_queue_push(queue.ticket(self._call_back))
        else:
            self._call_back()

    def _call_back(self) -> None:
        for callback in self._done_callbacks:
            try:
                callback(self)
            except Exception:
                _LOG.exception("exception calling callback for %r", self)
            except BaseException as caught:
                tell(caught)
