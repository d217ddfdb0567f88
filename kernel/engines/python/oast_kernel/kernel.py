"""The connection of this process to its broker, in Python's terms. One in a process."""

from __future__ import annotations

import ctypes
import os
import struct
import threading
import time

from . import library
from .codec.decode import Decoder, decode
from .codec.encode import Encoder
from .codec.memory import address_of, new_method
from .codec.nodes import Text, Value, text, write_failure
from .library import MimePart
from .tracebacks import Report
from .values import KERNEL, failure_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, List, Optional, Sequence, Tuple

_SIGINT = 2
_PIECE = 16384  # bytes that oast_kernel_output takes as a whole or not at all
_WAIT_ON = 0.02  # seconds
# So often for the handler of an interrupt, which comes every 50 ms.
_PATIENCE = 25
_view = struct.Struct("<IIQ" + "Q" * 8 + "QIII4x")


class Request:
    """An oast_request_view. Texts are copies, the arguments are not."""

    __slots__ = ("handle", "kind", "want", "tag", "code", "function", "source_name",
                 "args_address", "args_nodes", "args_count", "lane", "cursor", "detail")

    def __init__(self, handle: int, view: bytes) -> None:
        self.handle = handle
        (self.kind, self.want, self.tag, code, code_size, function, function_size, name, name_size,
         self.args_address, self.args_nodes, self.args_count, self.lane, self.cursor,
         self.detail) = _view.unpack(view)
        self.code = _text(code, code_size)
        self.function = _text(function, function_size)
        self.source_name = _text(name, name_size)


class _NoLibrary:
    """The library in a forked child, which has none of its threads: what it did there would wait
    for ever, or be told to nobody."""

    def __getattr__(self, _name: str) -> Any:
        raise RuntimeError(
            "this process was forked from a kernel and is none: channels and input are "
            "the kernel's own; a queue or pipe of multiprocessing reaches it from here")


def _memory_type(functions: Any) -> Any:
    """Keeps a message's memory for as long as an object of it lives."""
    release = functions.oast_memory_release
    return type("Memory", (ctypes.c_void_p,), {"__del__": new_method(release)})


class Kernel:
    """Functions block and name their thread as their counterparts of oast_kernel.h do."""

    def __init__(self) -> None:
        self._library: Any = library.load()
        self._memory = _memory_type(self._library)
        self._handle = ctypes.c_void_p()
        self._next = ctypes.c_void_p()
        self._next_query = ctypes.c_void_p()
        self._next_of_lanes = ctypes.c_void_p()
        self._here = threading.local()
        self._broker: Optional[Tuple[str, str]] = None
        self._name = ""
        self.forked = False

    def connect(self) -> None:
        """Raises OSError when it cannot."""
        options = library.Options(ctypes.sizeof(library.Options), _SIGINT, None, None, 1, 1)
        status = self._library.oast_kernel_connect(ctypes.byref(options),
                                                   ctypes.byref(self._handle))
        if status != library.OK:
            raise OSError("cannot connect to the broker: " + self.error())
        directory = self._library.oast_kernel_broker_directory(self._handle) or b""
        token = self._library.oast_kernel_host_token(self._handle) or b""
        self._broker = (os.fsdecode(directory), token.decode()) if directory and token else None
        self._name = str(self._library.oast_kernel_name(self._handle).decode())
        os.register_at_fork(after_in_child=self._after_fork)

    def _after_fork(self) -> None:
        self.forked = True
        self._library = _NoLibrary()

    def error(self) -> str:
        return (self._library.oast_kernel_error() or b"").decode("utf-8", "replace")

    def broker(self) -> Optional[Tuple[str, str]]:
        return self._broker

    def name(self) -> str:
        return self._name

    def exit(self, code: int) -> None:
        self._library.oast_kernel_exit(self._handle, code)

    def fd(self) -> int:
        return int(self._library.oast_kernel_fd(self._handle))

    def interrupted(self) -> int:
        return int(self._library.oast_kernel_interrupted(self._handle))

    def interrupts_raised(self, count: int) -> None:
        self._library.oast_kernel_interrupts_raised(self._handle, count)

    # Requests

    def next(self, timeout_ms: int = -1) -> Tuple[int, Optional[Request]]:
        """The status, and the request if it is OK."""
        return self._take(self._library.oast_kernel_next, self._next, timeout_ms)

    def next_query(self) -> Tuple[int, Optional[Request]]:
        return self._take(self._library.oast_kernel_next_query, self._next_query, -1)

    def next_of_lanes(self, timeout_ms: int = -1) -> Tuple[int, Optional[Request]]:
        """The status, INTERRUPTED when an open one was, and the request if it is OK."""
        return self._take(self._library.oast_kernel_next_of_lanes, self._next_of_lanes, timeout_ms)

    def run_here(self, request: Request, before_wait: Callable[[], None]) -> None:
        """The calling thread runs the request, of a lane other than 0. `before_wait` is called
        there, each time before what waits."""
        self._here.before_wait = before_wait
        self._library.oast_request_run_here(request.handle)

    def request_interrupted(self, request: Request) -> int:
        return int(self._library.oast_request_interrupted(request.handle))

    def request_interrupts_raised(self, request: Request, count: int) -> None:
        self._library.oast_request_interrupts_raised(request.handle, count)

    def _take(self, take: Any, handle: ctypes.c_void_p,
              timeout_ms: int) -> Tuple[int, Optional[Request]]:
        status = take(self._handle, timeout_ms, handle)
        return status, self._view(handle) if status == library.OK else None

    def _view(self, handle: ctypes.c_void_p) -> Request:
        view = ctypes.string_at(self._library.oast_request_get(handle), _view.size)
        return Request(handle.value or 0, view)

    def arguments(self, request: Request) -> List[Any]:
        if not request.args_count:
            return []
        decoder = Decoder(request.args_address, request.args_nodes, KERNEL,
                          lambda: self._retain(request.handle))
        return [decoder.value() for _ in range(request.args_count)]

    def _retain(self, handle: int) -> Any:
        return self._memory(self._library.oast_request_retain(handle))

    def reply(self, request: Request, nodes: Optional[bytes], encoder: Optional[Encoder],
              leases: Leases) -> None:
        """Answers with one node, or with what the encoder made, whose memory may be lent."""
        if encoder is None:
            self._send(request, nodes or b"", 1, None, None)
        elif not encoder.lends:
            self._send(request, encoder.nodes, encoder.count, None, None)
        else:
            lease = leases.add(encoder)
            self._send(request, encoder.nodes, encoder.count, lease.release, lease.context)

    def _send(self, request: Request, nodes: bytes, count: int, release: Any, context: Any) -> None:
        value = Value(address_of(nodes), count)
        self._library.oast_request_reply(request.handle, value, release, context)

    def fail(self, handle: int, error: BaseException,
             status: int = library.REMOTE_EXCEPTION) -> bool:
        """False when the request was answered already, or there was none yet."""
        if not handle:
            return False
        try:
            record = write_failure(failure_of(Report(error), status))
        except BaseException as another:
            problem = RuntimeError("the code's exception cannot be shown, as that raised "
                                   + type(another).__name__)
            record = write_failure(failure_of(Report(problem), library.REMOTE_EXCEPTION))
        return bool(self._library.oast_request_fail(handle, record) == library.OK)

    def next_handle(self) -> int:
        """Of the request that `next` took last, maybe without coming to give it; 0: of none."""
        return self._next.value or 0

    def reply_completions(self, request: Request, matches: Sequence[str], start: int,
                          end: int) -> None:
        texts = (Text * len(matches))(*map(text, matches))
        self._library.oast_request_completions(request.handle, texts, len(matches), start, end)

    def reply_inspection(self, request: Request, found: Optional[str]) -> None:
        answer = None if found is None else text(found)
        self._library.oast_request_inspection(request.handle, answer)

    def reply_completeness(self, request: Request, status: int, indent: str) -> None:
        self._library.oast_request_completeness(request.handle, status, text(indent))

    # Output and input

    def output(self, tag: int, stream: int, data: bytes) -> None:
        function = self._library.oast_kernel_output
        size = len(data)
        if size <= _PIECE:
            if function(self._handle, tag, stream, data, size):  # not OK
                self._produce(function, tag, stream, data, size)
            return
        for start in range(0, size, _PIECE):
            piece = data[start:start + _PIECE]
            self._produce(function, tag, stream, piece, len(piece))

    def flush(self) -> None:
        if not self.forked:
            self._produce(self._library.oast_kernel_flush)

    def _runs_requests(self) -> bool:
        return (threading.current_thread() is threading.main_thread()
                or hasattr(self._here, "before_wait"))

    def _before_wait(self) -> None:
        before_wait = getattr(self._here, "before_wait", None)
        if before_wait is not None:
            before_wait()

    def _produce(self, function: Any, *arguments: Any) -> int:
        """Calls what waits while the hosts do not keep up. The status, never INTERRUPTED."""
        while True:
            status = int(function(self._handle, *arguments))
            if status != library.INTERRUPTED:
                return status
            if not self._runs_requests():
                raise SystemExit  # the kernel ends, and this thread keeps it from that
            # The interrupt was raised before we get here or is in a moment, unless the code has
            # caught it already: then it waits like before, and the next one is raised here.
            time.sleep(_WAIT_ON)
            self._before_wait()

    def display(self, tag: int, parts: Sequence[Tuple[str, Any]], display_id: str,
                flags: int) -> None:
        records = (MimePart * len(parts))()
        for record, (mime, data) in zip(records, parts):
            is_text = isinstance(data, str)
            content = data.encode("utf-8", "backslashreplace") if is_text else bytes(data)
            record.mime, record.is_text = mime.encode(), is_text
            record.data, record.size = content, len(content)
        self._check(self._produce(self._library.oast_kernel_display, tag, records, len(parts),
                                  display_id.encode(), flags))

    def clear_output(self, tag: int, wait: bool) -> None:
        self._check(self._produce(self._library.oast_kernel_clear_output, tag, wait))

    def input(self, prompt: str, password: bool) -> Optional[str]:
        """A line of the host; nothing at its end of input. Raises KeyboardInterrupt."""
        self._require_main_thread()
        line = Value()
        status = self._library.oast_kernel_input(self._handle, text(prompt), password,
                                                 ctypes.byref(line))
        if status == library.NOT_FOUND:
            return None
        self._check(status)
        return _text(line.nodes, line.count)

    def read_input(self, most: int) -> bytes:
        """The next bytes of the request's standard input; none at its end. As `input`."""
        self._require_main_thread()
        data = Value()
        status = self._library.oast_kernel_read_input(self._handle, most, ctypes.byref(data))
        if status == library.NOT_FOUND:
            return b""
        self._check(status)
        return ctypes.string_at(data.nodes or 0, data.count)

    def _require_main_thread(self) -> None:
        if not self.forked and threading.current_thread() is not threading.main_thread():
            raise RuntimeError("input comes from the host to the kernel's main thread only")

    # Channels

    def make_channel(self, capacity: int) -> int:
        return int(self._library.oast_kernel_channel(self._handle, capacity))

    def put(self, channel: int, value: Any) -> bool:
        """False when the channel is closed."""
        encoder = Encoder((value,), KERNEL)
        nodes = Value(encoder.address, encoder.count)
        self._before_wait()
        status = self._library.oast_kernel_put(self._handle, channel, nodes)
        if status == library.NOT_FOUND:
            return False
        self._check(status)
        return True

    def take(self, channel: int) -> Tuple[bool, Any]:
        """False when the channel is closed and empty, else true and the value."""
        value = Value()
        self._before_wait()
        status = self._library.oast_kernel_take(self._handle, channel, ctypes.byref(value))
        if status == library.NOT_FOUND:
            return False, None
        self._check(status)
        return True, decode(value.nodes or 0, value.count, KERNEL)

    def ready(self, channel: int) -> bool:
        ready = ctypes.c_int()
        self._check(self._library.oast_kernel_ready(self._handle, channel, ctypes.byref(ready)))
        return bool(ready.value)

    def close_channel(self, channel: int) -> None:
        self._library.oast_kernel_close_channel(self._handle, channel)

    def _check(self, status: int) -> None:
        if status == library.INTERRUPTED:
            if self._runs_requests():  # it is raised here meanwhile, and noted
                for _ in range(_PATIENCE):
                    time.sleep(_WAIT_ON)
            raise KeyboardInterrupt  # the kernel ends
        if status != library.OK:
            raise RuntimeError(self.error())


def _text(address: Optional[int], size: int) -> str:
    return ctypes.string_at(address or 0, size).decode("utf-8", "replace") if size else ""


class Leases:
    """What the replies of one thread were lent and is still being sent."""

    def __init__(self) -> None:
        self._leases: List["_Lease"] = []

    def __bool__(self) -> bool:
        return bool(self._leases)

    def add(self, lent: Any) -> "_Lease":
        self._leases.append(_Lease(lent))
        return self._leases[-1]

    def wait(self) -> None:
        """Until it has been sent: code that runs next may change it."""
        while self._leases:
            self._leases[-1].wait()
            self._leases.pop()

    def drop(self) -> None:
        """Frees what is not needed any more."""
        if self._leases:
            self._leases = [lease for lease in self._leases if not lease.returned()]


class _Lease:
    """Memory that is lent to the library with a reply, until a semaphore says it is returned. The
    library posts it itself, by libc's sem_post: a function in Python would need the interpreter's
    lock, which the library's threads must never wait for."""

    _libc = ctypes.CDLL(None)
    release = ctypes.cast(_libc.sem_post, ctypes.c_void_p)

    def __init__(self, held: Any) -> None:
        self._held = held
        self._semaphore = (ctypes.c_char * 64)()
        self._libc.sem_init(self._semaphore, 0, 0)
        self.context = ctypes.addressof(self._semaphore)

    def returned(self) -> bool:
        return bool(self._libc.sem_trywait(self._semaphore) == 0)

    def wait(self) -> None:
        while self._libc.sem_wait(self._semaphore) != 0:
            pass  # a signal came
