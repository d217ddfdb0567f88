"""What workers print and ask for, on its way to Python."""

from __future__ import annotations

import ctypes
import dataclasses
import itertools
import os
import queue
import sys
import threading
import time
import weakref
from typing import Any, BinaryIO, Callable, Dict, Mapping, Optional, Union

from . import _handles, _library, _structures
from ._library import lib
from ._signals import Deferred, tell

STREAMS = ("stdout", "stderr", "display", "clear")


@dataclasses.dataclass(frozen=True)
class Output:
    """Something that a request printed or showed, or (clear) what it showed and takes back."""

    stream: str  # one of STREAMS
    text: str  # of stdout and stderr; what is no UTF-8 has each such byte as \\xff, see raw
    data: Mapping[str, Union[str, bytes]]  # of a display, by MIME type
    display_id: str = ""  # of a display: its name for later updates
    update: bool = False  # of a display: it replaces what was shown under display_id
    wait: bool = False  # of a clear: only when the next output comes
    raw: bytes = b""  # of stdout and stderr: what was written, byte for byte
    is_utf8: bool = True  # raw is, so that text is all of it
    result: bool = False  # of a display: it is the value that the request ended with


OnOutput = Callable[[Output], None]
OnInput = Union[Callable[[str, bool], Optional[str]], BinaryIO]


class Sink:
    """Where output and input requests of a worker or of one request go."""

    def __init__(self, on_output: Optional[OnOutput], on_input: Optional[OnInput]) -> None:
        if on_output is not None and not callable(on_output):
            raise TypeError(
                f"on_output should be a function of an Output, not {type(on_output).__name__}"
            )
        if on_input is not None and not callable(on_input) and not hasattr(on_input, "readline"):
            raise TypeError(
                "on_input should be a function of a prompt and whether it is a password, or a "
                f"binary file, not {type(on_input).__name__}"
            )
        self.on_output = on_output
        self.on_input = on_input

    def flush(self) -> None:
        """A request has ended."""


class Printer(Sink):
    """Prints whole lines on the host's own streams, marked with the worker's name."""

    def __init__(self, stdout: bool, stderr: bool, on_input: Optional[OnInput]) -> None:
        super().__init__(self._print, on_input)
        self.name = ""  # known once it has started
        self._wanted = {"stdout": stdout, "stderr": stderr, "display": stdout, "clear": False}
        self._lock = threading.Lock()
        self._queued = False  # something, since the last flush
        self._flushed = True
        self._rest = {"stdout": b"", "stderr": b""}  # of a line

    def _print(self, output: Output) -> None:
        if not self._wanted[output.stream]:
            return
        data = output.raw
        stream = "stderr" if output.stream == "stderr" else "stdout"
        if output.stream == "display":
            plain = output.data.get("text/plain", "")
            data = f"{plain!s}\n".encode(errors="replace") if plain else b""
        self._flushed = False
        with self._lock:
            lines = (self._rest[stream] + data).split(b"\n")
            self._rest[stream] = lines.pop()
            if len(self._rest[stream]) > _LONGEST_LINE:
                lines.append(self._rest[stream])
                self._rest[stream] = b""
            self._write(stream, lines, hold=True)

    def flush(self) -> None:
        if self._flushed:
            return
        with Deferred(), self._lock:
            self._flushed = True
            for stream, rest in self._rest.items():
                if rest:
                    self._rest[stream] = b""
                    self._write(stream, [rest])
            queued, self._queued = self._queued, False
        if queued:
            _printing.flush()

    def _write(self, stream: str, lines: "list[bytes]", hold: bool = False) -> None:
        to = getattr(sys, stream)
        if lines and to is not None:
            self._queued = True
            mark = f"From worker {self.name}: ".encode()
            data = b"".join(mark + line + b"\n" for line in lines)
            _printing.put(to, data, lib.oast_output_hold() if hold else None)


_LONGEST_LINE = 1 << 20  # bytes; longer ones are printed in pieces, so that none is kept


def _print_on(to: Any, data: bytes) -> None:
    """As they are, also bytes that are no text, where the stream takes bytes at all."""
    try:
        to.write(data.decode())
    except UnicodeDecodeError:
        if hasattr(to, "buffer"):
            to.flush()
            to.buffer.write(data)
        else:
            to.write(data.decode(errors="backslashreplace"))
    to.flush()


_MOST_UNPRINTED = 1 << 24  # bytes
_PATIENCE = 0.5  # seconds without progress, after which a stream counts as stuck


class _Printing:
    """Writes to the host's streams on a thread of its own, in order, so that a stream that takes no
    more keeps nobody from receiving answers. What comes with a hold is dealt with once it is
    written: meanwhile its worker is held back, and so what waits is bounded. Of what comes without,
    from workers in this process, others wait for the stream, until it makes no progress; then what
    exceeds the bound is dropped, and that is told. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._items: "queue.SimpleQueue[Any]" = queue.SimpleQueue()
        self._thread: Optional[threading.Thread] = None
        self._put = 0  # bytes, of all time; so are the next two
        self._written = 0
        self._dropped = 0
        self._stuck_at = -1  # what was written when it was found stuck
        self._failed = False  # the last write, and that was told

    def put(self, to: Any, data: bytes, hold: Optional[int] = None) -> None:
        if hold is None:
            self._wait(lambda: self._put - self._written <= _MOST_UNPRINTED)
        with self._lock:
            if hold is None and self._put - self._written > _MOST_UNPRINTED:
                self._dropped += len(data)
                return
            self._put += len(data)
            dropped, self._dropped = self._dropped, 0
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="oast-print", daemon=True)
                self._thread.start()
                _handles.at_exit(self.flush)
        if dropped:
            told = b"oast: %d bytes of output were not printed\n" % dropped
            self._put += len(told)
            self._items.put((to, told, None))
        self._items.put((to, data, hold))

    def flush(self) -> None:
        """Waits until all is written that was put before, or the stream is stuck."""
        written = threading.Lock()
        written.acquire()
        self._items.put(written)
        if not written.acquire(timeout=0 if self._stuck_at == self._written else _PATIENCE):
            self._wait(lambda: not written.locked())

    def _wait(self, there: Callable[[], bool]) -> None:
        seen, since = -1, 0.0
        while not there() and self._stuck_at != self._written:
            if seen != self._written:
                seen, since = self._written, time.monotonic()
            elif time.monotonic() - since > _PATIENCE:
                self._stuck_at = seen
            time.sleep(0.002)

    def _run(self) -> None:
        while True:
            item = self._items.get()
            if not isinstance(item, tuple):
                item.release()
                continue
            to, data, hold = item
            try:
                _print_on(to, data)
                self._failed = False
            except BaseException as error:  # closed, or it cannot encode that
                if not self._failed:
                    tell(error)
                self._failed = True
            self._written += len(data)
            lib.oast_hold_release(hold)
            del item, to, data

    def forget(self) -> None:
        """In a forked child: there is no such thread."""
        self.__init__()  # type: ignore[misc]


_printing = _Printing()
os.register_at_fork(after_in_child=_printing.forget)


_sinks: "Dict[int, weakref.ref[Sink]]" = {}
_SWEEP = 256  # connections; then those of sinks that are gone are forgotten
_numbers = itertools.count(1)


def read_output(view: _structures.OutputView) -> Output:
    data: Dict[str, Union[str, bytes]] = {}
    for i in range(view.parts_count):
        part = view.parts[i]
        content = ctypes.string_at(part.data, part.size)
        data[part.mime.decode()] = content.decode() if part.is_text else content
    address = ctypes.c_void_p.from_buffer(view.text).value  # `data` would end at a zero byte
    raw = ctypes.string_at(address, view.text.size) if address else b""
    return Output(
        STREAMS[view.stream],
        raw.decode("utf-8", "backslashreplace"),
        data,
        view.display_id.decode(),
        bool(view.update),
        bool(view.wait),
        raw,
        bool(view.is_utf8),
        bool(view.result),
    )


class Hold:
    """Keeps an output from being dealt with, until released, on any thread, or lost: meanwhile its
    worker may print 4 MiB more, and then waits. For on_output that only queues."""

    def __init__(self, pointer: Optional[int]) -> None:
        self._pointer = pointer

    def release(self) -> None:
        """May be called again."""
        pointer, self._pointer = self._pointer, None
        lib.oast_hold_release(pointer)

    __del__ = release


def hold_output() -> Hold:
    """Of the output whose on_output runs on this thread; elsewhere one that holds nothing."""
    return Hold(lib.oast_output_hold())


def _sink(number: int) -> Optional[Sink]:
    ref = _sinks.get(number)
    return None if ref is None else ref()


def _on_output(number: int, view: Any) -> None:
    sink = _sink(number)
    if sink is not None and sink.on_output is not None:
        sink.on_output(read_output(view.contents))


def _on_input(number: int, prompt: _structures.Text, password: int, line: int) -> None:
    sink = _sink(number)
    if sink is None or sink.on_input is None:
        return
    on_input, most = sink.on_input, lib.oast_line_bytes(line)
    if callable(on_input):
        answer = on_input(str(prompt), bool(password))
        if answer is not None:
            lib.oast_line_set(line, _structures.text_of(answer.encode()))
    elif most:
        data = getattr(on_input, "read1", on_input.read)(most)
        if data:
            lib.oast_line_set_bytes(line, _structures.text_of(data))
    else:
        data = on_input.readline()
        if data:
            lib.oast_line_set(line, _structures.text_of(data[:-1] if data[-1:] == b"\n" else data))


_ON_OUTPUT = _structures.ON_OUTPUT(_on_output)
_ON_INPUT = _structures.ON_INPUT(_on_input)
_OUTPUT_ADDRESS = ctypes.cast(_ON_OUTPUT, ctypes.c_void_p).value
_INPUT_ADDRESS = ctypes.cast(_ON_INPUT, ctypes.c_void_p).value


def connect(sink: Sink) -> _structures.Callbacks:
    """Callbacks that reach the sink as long as somebody keeps it. Late ones reach nobody."""
    number = next(_numbers)
    _sinks[number] = weakref.ref(sink)
    if number % _SWEEP == 0:
        for old in [old for old, ref in list(_sinks.items()) if ref() is None]:
            _sinks.pop(old, None)
    callbacks = _structures.Callbacks(context=number)
    if sink.on_output is not None:
        callbacks.on_output = _OUTPUT_ADDRESS
    if sink.on_input is not None:
        callbacks.on_input = _INPUT_ADDRESS
    return callbacks


os.register_at_fork(after_in_child=_sinks.clear)
