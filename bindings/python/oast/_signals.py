"""What Ctrl-C must not tear apart. Python calls signal handlers on the main thread, between any two
bytecodes; a handler that raises there would lose what the first made and the second was to keep."""

from __future__ import annotations

import _signal  # type: ignore[import]  # without enums, which take their time
import _thread
import collections
import threading
from typing import Any, Callable, Deque, Optional, TypeVar

_T = TypeVar("_T")

_SIGINT = int(_signal.SIGINT)
_get_ident = threading.get_ident
_main = threading.main_thread()


def on_main_thread() -> bool:
    return _get_ident() == _main.ident


class Deferred:
    """with Deferred(): a SIGINT that comes is handled at the end, by the program's own handler.
    Does nothing on other threads, inside another one, and where the handler is none of Python."""

    _handler: Optional[Callable[[int, Any], Any]] = None
    _came = False
    _at_once = False  # handled when it comes

    def __enter__(self) -> Deferred:
        if _get_ident() != _main.ident:
            return self
        handler = _signal.getsignal(_SIGINT)
        outer = getattr(handler, "__self__", None)
        if not callable(handler) or type(outer) is Deferred and not outer._at_once:
            return self
        self._handler = handler
        _signal.signal(_SIGINT, self._note)
        return self

    def __exit__(self, *_: object) -> None:
        if self._handler is None:
            return
        _signal.signal(_SIGINT, self._handler)
        if self._came:
            self._handler(_SIGINT, None)

    def interruptible(self, function: Callable[..., _T], *arguments: object) -> _T:
        """Calls what SIGINT may end nevertheless, once: who calls this catches that."""
        try:
            self._at_once = True
            if self._came:
                self._came = False
                self._note(_SIGINT, None)
            return function(*arguments)
        finally:
            self._at_once = False

    def _note(self, number: int, frame: object) -> None:
        if not self._at_once or self._handler is None:
            self._came = True
            return
        self._at_once = False  # what handles this exception is not torn apart by another
        self._handler(number, frame)
        self._at_once = True


_RLock: Any = type(threading.RLock())  # that of C


class Condition(_RLock):  # type: ignore[misc]
    """A threading.Condition whose lock no signal leaves held: `with` enters and leaves it in C."""

    def __init__(self) -> None:
        self._waiters: Deque[Any] = collections.deque()

    @property
    def _lock(self) -> "Condition":
        return self

    def wait(self, timeout: Optional[float] = None) -> bool:
        waiter = _thread.allocate_lock()
        waiter.acquire()
        self._waiters.append(waiter)
        told = False
        try:
            self._release_save()
            told = waiter.acquire(True, -1 if timeout is None else max(timeout, 0))
        finally:
            if not self._is_owned():
                self.acquire()
            if not told and waiter in self._waiters:
                self._waiters.remove(waiter)
        return told

    wait_for = threading.Condition.wait_for
    notify = threading.Condition.notify
    notify_all = threading.Condition.notify_all


class _Told:
    def __init__(self, error: BaseException) -> None:
        self._error = error

    def __del__(self) -> None:
        raise self._error


def tell(error: BaseException) -> None:
    """Tells of an exception that nobody can catch, as of those of destructors: by
    sys.unraisablehook, which takes no arguments that Python code made."""
    _Told(error)
