"""liboast.so: where it is, its functions, and what becomes of them in a forked child."""

from __future__ import annotations

import ctypes
import ctypes.util
import itertools
import os
import pathlib
import signal
import threading
from ctypes import POINTER, c_char_p, c_int, c_int64, c_size_t, c_uint32
from ctypes import c_uint64, c_void_p
from typing import Any, Callable, Dict, Iterator, List, NoReturn, Optional, Tuple

from ._codec import nodes
from ._structures import (
    Ask,
    Callbacks,
    CompletionsView,
    ConnectOptions,
    DeathView,
    FailureView,
    InterruptOptions,
    KernelView,
    LogOptions,
    ON_EVENT,
    RecordView,
    SpecView,
    StartOptions,
    StopOptions,
    Text,
    Value,
)
from ._signals import Deferred
from .errors import Death, Error, death_of, error_of, failure_of

ABI = 3

OK, INTERRUPTED, TIMEOUT, NOT_FOUND = 0, 2, 4, 7
EVAL, CALL, CALL_SOURCE = 0, 1, 2
VALUE, DONE, NOTHING = 0, 1, 2

_OUT = POINTER(c_void_p)

# Result type, argument types.
_SIGNATURES: Dict[str, Tuple[Any, List[Any]]] = {
    "oast_abi": (c_uint32, []),
    "oast_error": (POINTER(FailureView), []),
    "oast_set_interrupt_check": (None, [c_void_p]),
    "oast_was_interrupted": (c_int, []),
    "oast_line_bytes": (c_size_t, [c_void_p]),
    "oast_line_set": (None, [c_void_p, Text]),
    "oast_line_set_bytes": (None, [c_void_p, Text]),
    "oast_output_hold": (c_void_p, []),
    "oast_hold_release": (None, [c_void_p]),
    "oast_broker_default": (c_int, [_OUT]),
    "oast_broker_connect": (c_int, [c_char_p, POINTER(ConnectOptions), _OUT]),
    "oast_broker_free": (None, [c_void_p]),
    "oast_broker_directory": (c_char_p, [c_void_p]),
    "oast_broker_connected": (c_int, [c_void_p]),
    "oast_broker_self": (c_uint64, [c_void_p]),
    "oast_broker_resumed": (c_int, [c_void_p]),
    "oast_broker_end_session": (None, [c_void_p]),
    "oast_broker_list": (c_int, [c_void_p, POINTER(POINTER(KernelView)), POINTER(c_size_t)]),
    "oast_broker_find": (c_int, [c_void_p, c_char_p, POINTER(POINTER(KernelView))]),
    "oast_broker_specs": (c_int, [c_void_p, POINTER(POINTER(SpecView)), POINTER(c_size_t)]),
    "oast_broker_interrupt": (
        c_int,
        [c_void_p, c_uint64, c_uint64, c_uint64, POINTER(InterruptOptions), POINTER(c_uint32)],
    ),
    "oast_broker_stop": (
        c_int,
        [c_void_p, c_uint64, POINTER(StopOptions), POINTER(POINTER(DeathView))],
    ),
    "oast_broker_kill": (c_int, [c_void_p, c_uint64, POINTER(POINTER(DeathView))]),
    "oast_broker_signal": (c_int, [c_void_p, c_uint64, c_int]),
    "oast_broker_watch": (c_int, [c_void_p, ON_EVENT, c_void_p, _OUT]),
    "oast_watch_free": (None, [c_void_p]),
    "oast_worker_start": (c_int, [c_char_p, POINTER(StartOptions), _OUT]),
    "oast_worker_attach": (c_int, [c_void_p, c_char_p, POINTER(Callbacks), _OUT]),
    "oast_worker_in_process": (c_int, [POINTER(Callbacks), _OUT]),
    "oast_worker_free": (None, [c_void_p]),
    "oast_worker_id": (c_uint64, [c_void_p]),
    "oast_worker_name": (c_char_p, [c_void_p]),
    "oast_worker_info": (c_int, [c_void_p, POINTER(POINTER(KernelView))]),
    "oast_worker_death": (c_int, [c_void_p, POINTER(POINTER(DeathView))]),
    "oast_isrunning": (c_int, [c_void_p]),
    "oast_interrupt": (c_int, [c_void_p, POINTER(InterruptOptions), POINTER(c_uint32)]),
    "oast_stop": (c_int, [c_void_p, POINTER(StopOptions)]),
    "oast_kill": (c_int, [c_void_p]),
    "oast_complete": (c_int, [c_void_p, Text, c_size_t, POINTER(POINTER(CompletionsView))]),
    "oast_inspect": (c_int, [c_void_p, Text, c_size_t, c_int, POINTER(Text)]),
    "oast_is_complete": (c_int, [c_void_p, Text, POINTER(c_uint32), POINTER(Text)]),
    "oast_submit": (c_int, [c_void_p, POINTER(Ask), _OUT]),
    "oast_future_get": (c_int, [c_void_p, c_int64, POINTER(Value)]),
    "oast_future_ready": (c_int, [c_void_p]),
    "oast_future_key": (c_int, [c_void_p, POINTER(c_uint64), POINTER(c_uint64)]),
    "oast_future_cancel": (c_int, [c_void_p]),
    "oast_future_then": (c_int, [c_void_p, c_void_p, c_void_p]),
    "oast_future_free": (None, [c_void_p]),
    "oast_queue_new": (c_int, [_OUT]),
    "oast_queue_free": (None, [c_void_p]),
    "oast_queue_ticket": (c_void_p, [c_void_p, c_uint64]),
    "oast_queue_push": (None, [c_void_p]),
    "oast_queue_take": (
        c_int,
        [c_void_p, c_int64, POINTER(c_uint64), c_size_t, POINTER(c_size_t)],
    ),
    "oast_queue_close": (None, [c_void_p]),
    "oast_log_open": (c_int, [c_void_p, c_uint64, POINTER(LogOptions), _OUT]),
    "oast_log_next": (c_int, [c_void_p, c_int64, POINTER(POINTER(RecordView))]),
    "oast_log_value": (c_int, [c_void_p, _OUT, POINTER(Value)]),
    "oast_log_then": (c_int, [c_void_p, c_void_p, c_void_p]),
    "oast_log_position": (c_uint64, [c_void_p]),
    "oast_log_stop": (None, [c_void_p]),
    "oast_log_close": (None, [c_void_p]),
    "oast_worker_channel": (c_int, [c_void_p, Text, c_int64, _OUT]),
    "oast_channel_free": (None, [c_void_p]),
    "oast_channel_id": (c_uint64, [c_void_p]),
    "oast_channel_put_async": (c_int, [c_void_p, Value, c_void_p, c_void_p, _OUT]),
    "oast_channel_take_async": (c_int, [c_void_p, _OUT]),
    "oast_channel_abandon": (c_int, [c_void_p, c_void_p]),
    "oast_channel_ready": (c_int, [c_void_p, POINTER(c_int)]),
    "oast_channel_close": (c_int, [c_void_p]),
}


# Whoever waits receives for everybody, so that on_output may be called meanwhile on the main thread,
# where an exception of a signal handler would only be printed.
_RECEIVE = (
    "oast_future_get",
    "oast_log_next",
    "oast_worker_start",
    "oast_worker_attach",
    "oast_worker_channel",
    "oast_channel_ready",
    "oast_channel_close",
    "oast_complete",
    "oast_inspect",
    "oast_is_complete",
    "oast_interrupt",
    "oast_stop",
    "oast_kill",
)


def _deferring(function: Callable[..., Any]) -> Callable[..., Any]:
    def call(*arguments: object) -> Any:
        with Deferred():
            return function(*arguments)

    return call


def _places() -> Iterator[str]:
    """Where the library may be, best first."""
    name = "liboast.so.1"
    if "OAST_LIBRARY" in os.environ:
        yield os.environ["OAST_LIBRARY"]
        return
    package = pathlib.Path(__file__).resolve().parent
    yield str(package / name)
    for directory in package.parents:  # PREFIX/lib/python3/dist-packages/oast and the like
        yield str(directory / name)
        yield str(directory / "lib" / name)
    source = package.parents[2]  # of bindings/python/oast
    for build in itertools.chain([source / "build" / "release"], sorted(source.glob("build/*"))):
        yield str(build / "lib" / name)
    found = ctypes.util.find_library("oast")
    if found:
        yield found


def _find() -> str:
    tried = []
    for place in _places():
        if os.path.sep in place and not os.path.exists(place):
            tried.append(place)
            continue
        return place
    raise ImportError(
        "liboast.so.1 was not found; set OAST_LIBRARY to its path. Tried " + ", ".join(tried)
    )


class _Functions:
    """The functions of the library, by name."""

    def __init__(self, library: ctypes.CDLL) -> None:
        for name, (result, arguments) in _SIGNATURES.items():
            function = getattr(library, name)
            function.restype = result
            function.argtypes = arguments
            setattr(self, name, function)
        self.queue_push: Optional[int] = ctypes.cast(library.oast_queue_push, c_void_p).value
        abi = library.oast_abi()
        if abi < ABI:
            raise ImportError(f"liboast.so is too old: its ABI is {abi}, {ABI} is needed")

    def __getattr__(self, name: str) -> Any:  # for type checkers; all are set above
        raise AttributeError(name)

    def forget(self) -> None:
        """In a forked child: nothing of the library works there, and nothing must be freed."""
        for name in _SIGNATURES:
            ignored = name.endswith(("_free", "_close", "_release")) or name in (
                "oast_was_interrupted", "oast_log_stop"
            )
            setattr(self, name, _ignore if ignored else _refuse)


def _ignore(*_arguments: object) -> None:
    pass


def _refuse(*_arguments: object) -> NoReturn:
    raise Error(
        "this process was forked from the one that uses oast, whose workers it cannot use; "
        "start it anew instead (subprocess, or multiprocessing with 'spawn')"
    )


_place = _find()
lib: Any = _Functions(ctypes.CDLL(_place))
for _name in _RECEIVE:
    setattr(lib, _name, _deferring(getattr(lib, _name)))
# Keeps the GIL, for what is quick and done for each request: a thread that lets go of it gets it
# back only when the others do.
quick: Any = _Functions(ctypes.PyDLL(_place))
os.register_at_fork(after_in_child=lib.forget)
os.register_at_fork(after_in_child=quick.forget)

# Python's signal handlers run only between calls to C. So functions that block there look whether
# SIGINT came: by this one, which runs no bytecode, in which the handler would raise too early.
_interrupt_check = ctypes.CFUNCTYPE(c_int)(ctypes.pythonapi.PyOS_InterruptOccurred)
if threading.current_thread() is threading.main_thread():
    lib.oast_set_interrupt_check(ctypes.cast(_interrupt_check, c_void_p))


def raise_if_interrupted() -> None:
    """If SIGINT ended a function of this thread, calls its handler: raises KeyboardInterrupt."""
    if lib.oast_was_interrupted():
        signal.raise_signal(signal.SIGINT)


def utf8(text: Optional[str]) -> Optional[bytes]:
    """For `const char*`; None is NULL."""
    if text is None:
        return None
    if "\0" in text:
        raise ValueError(f"a zero byte in {text!r}")
    return text.encode()


def read_death(view: Any) -> Optional[Death]:
    """Of a POINTER(DeathView)."""
    if not view:
        return None
    return death_of(nodes.read_death(view.contents))


def last_error() -> Error:
    """Of the last call on this thread that failed. Raises KeyboardInterrupt when that was why."""
    raise_if_interrupted()
    view = lib.oast_error()
    if not view:
        return Error("no reason is known")
    return read_error(view)


def read_error(view: Any) -> Error:
    """Of a POINTER(FailureView)."""
    return error_of(failure_of(nodes.read_failure(view.contents)))


def check(status: int) -> None:
    if status != OK:
        raise last_error()


def made(function: Callable[..., int], *arguments: object) -> int:
    """Calls a function whose last argument is room for a handle; gives the handle."""
    room = c_void_p()
    check(function(*arguments, ctypes.byref(room)))
    assert room.value is not None
    return room.value


_LONGEST_MS = (1 << 32) - 1  # 49 days


def milliseconds(seconds: Optional[float], never: int = 0) -> int:
    """Rounded up, so that a little time does not become none."""
    if seconds is None:
        return never
    if not seconds >= 0:  # or no number at all
        raise ValueError(f"{seconds} s is no time to wait")
    if seconds * 1000 >= _LONGEST_MS:
        return _LONGEST_MS
    return int(seconds * 1000) + (seconds * 1000 % 1 > 0)
