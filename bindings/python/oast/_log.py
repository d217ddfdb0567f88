"""What workers have said, read again."""

from __future__ import annotations

import asyncio
import ctypes
import dataclasses
import threading
from typing import Any, Iterator, Optional, Union

from . import _library, _structures
from ._handles import Answer, Handle
from ._library import lib
from ._output import Output, read_output
from ._queue import queue
from ._signals import Deferred, on_main_thread
from ._values import decode
from .errors import Death, Error

KINDS = ("output", "value", "failure", "input", "gap", "ended")
_SLICE_MS = 50  # after which a thread looks for signals


@dataclasses.dataclass(frozen=True)
class Gap:
    """Records that are gone, as logs are bounded."""

    first: int
    last: int
    bytes: int  # of them all


@dataclasses.dataclass(frozen=True)
class InputAsked:
    """The code asked for input."""

    prompt: str
    password: bool
    block_bytes: int = 0  # not 0: not for a line but for so many bytes of its standard input


@dataclasses.dataclass(frozen=True)
class Ended:
    """The worker has died: its last record."""

    death: Optional[Death]
    successor: Optional[int]  # the kernel that was started in its place


@dataclasses.dataclass(frozen=True)
class Record:
    """One thing that a worker said to a host."""

    number: int  # each worker's own, from 1; of a gap its first
    kind: str  # one of KINDS
    what: Any  # an Output, the value (or the Error why it cannot be read), an Error, InputAsked,
    # Gap or Ended
    host: Optional[int]  # the peer that it was for, and the number of its request
    request: Optional[int]


class Log:
    """Reads what a worker has said, from some number to the end, or on and on: an iterator of
    records, also with `async for`. It holds no worker back: what is not read in time becomes a Gap.
    Ends with `close`, with `with`, or by losing the last reference. Threads may share it: each
    record goes to one of them."""

    def __init__(
        self,
        broker: Handle,
        kernel: int,
        from_: int = 1,
        follow: bool = False,
        request: Optional[int] = None,
        host: Optional[int] = None,
        trust: bool = False,
    ) -> None:
        options = _structures.LogOptions(
            size=ctypes.sizeof(_structures.LogOptions),
            from_=from_,
            host=host or 0,
            request=request or 0,
            follow=int(follow),
        )
        if not 1 <= from_ < 1 << 64:
            raise ValueError(f"records are numbered from 1 on; {from_} is none")
        self._trust = trust
        self._lock = threading.Lock()  # the library's record is valid until the next
        self._handle = Handle(
            "oast_log_close", "log", lib.oast_log_open, broker, kernel, ctypes.byref(options)
        )

    @property
    def position(self) -> int:
        """The number at which another reader would go on."""
        log = self._handle.use()
        number: int = lib.oast_log_position(log)
        return number

    def __iter__(self) -> Iterator[Record]:
        return self

    def __next__(self) -> Record:
        """Blocks for the next record. Ctrl-C ends that, and it may be called again."""
        while True:
            try:
                record = self._next(_SLICE_MS if on_main_thread() else -1)
            except _NotYet:
                continue
            if record is None:
                raise StopIteration
            return record

    def __aiter__(self) -> Log:
        return self

    async def __anext__(self) -> Record:
        while True:
            try:
                record = self._next(0)
            except _NotYet:
                await self._arrival()
                continue
            if record is None:
                raise StopAsyncIteration
            return record

    def close(self) -> None:
        """No more records come, and what waits for one ends. May be called again."""
        if not self._handle.closed:
            lib.oast_log_stop(self._handle.use())
        self._handle.close()

    def __enter__(self) -> Log:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _next(self, wait_ms: int) -> Optional[Record]:
        if not self._lock.acquire(timeout=-1 if wait_ms < 0 else wait_ms / 1000):
            _library.raise_if_interrupted()
            raise _NotYet
        try:
            return self._next_here(wait_ms)
        finally:
            self._lock.release()

    def _next_here(self, wait_ms: int) -> Optional[Record]:
        view = ctypes.POINTER(_structures.RecordView)()
        if self._handle.closed:
            return None
        log = self._handle.use()
        status = lib.oast_log_next(log, wait_ms, ctypes.byref(view))
        if status == _library.TIMEOUT:
            _library.raise_if_interrupted()
            raise _NotYet
        _library.check(status)
        return self._read(view.contents) if view else None

    async def _arrival(self) -> None:
        """Until there may be a record, without blocking the loop."""
        loop = asyncio.get_running_loop()
        arrived = loop.create_future()

        def tell() -> None:
            try:
                loop.call_soon_threadsafe(_arrive, arrived)
            except RuntimeError:  # the loop is closed
                pass

        with Deferred():  # from the ticket to who pushes it
            log = self._handle.use()
            _library.check(lib.oast_log_then(log, lib.queue_push, queue.ticket(tell)))
        await arrived

    def _read(self, view: _structures.RecordView) -> Record:
        kind = KINDS[view.kind]
        return Record(
            view.number, kind, self._what(kind, view), view.host or None, view.request or None
        )

    def _what(
        self, kind: str, view: _structures.RecordView
    ) -> Union[Output, Error, InputAsked, Gap, Ended, Any]:
        if kind == "output":
            return read_output(view.output.contents)
        if kind == "failure":
            return _library.read_error(view.failure)
        if kind == "input":
            return InputAsked(str(view.prompt), bool(view.password), view.input_bytes)
        if kind == "gap":
            return Gap(view.number, view.gap_last, view.gap_bytes)
        if kind == "ended":
            return Ended(_library.read_death(view.death), view.successor or None)
        value, room = _structures.Value(), Answer()
        log = self._handle.use()
        _library.check(lib.oast_log_value(log, ctypes.byref(room), ctypes.byref(value)))
        try:
            return decode(room, value, self._trust)
        except Error as error:  # a pickle, say, and no trust: the record is there all the same
            return error


def make_log(
    broker: Handle,
    kernel: int,
    from_: int,
    follow: bool,
    request: Optional[int],
    host: Optional[int],
    trust: bool,
) -> Log:
    """`request` without `host` is one of ours."""
    if request is not None and host is None:
        host = lib.oast_broker_self(broker)
    return Log(broker, kernel, from_, follow, request, host, trust)


class _NotYet(Exception):
    pass


def _arrive(arrived: "asyncio.Future[None]") -> None:
    if not arrived.done():
        arrived.set_result(None)
