"""What Ctrl-C must not tear apart. Python calls signal handlers on the main thread, between any two
bytecodes; a handler that raises there would lose what the first made and the second was to keep."""

from __future__ import annotations

import _signal  # type: ignore[import]  # without enums, which take their time
import _thread
import collections
import threading
from typing import Any, Callable, Deque, Optional

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

    def __enter__(self) -> None:
        if _get_ident() != _main.ident:
            return
        handler = _signal.getsignal(_SIGINT)
        if not callable(handler) or type(getattr(handler, "__self__", None)) is Deferred:
            return
        self._handler = handler
        _signal.signal(_SIGINT, self._note)

    def __exit__(self, *_: object) -> None:
        if self._handler is None:
            return
        _signal.signal(_SIGINT, self._handler)
        if self._came:
            self._handler(_SIGINT, None)

    def _note(self, _number: int, _frame: object) -> None:
        self._came = True


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
