"""Handles of the library as Python objects: who owns them, and when they are freed."""

from __future__ import annotations

import atexit
import itertools
import threading
import weakref
from ctypes import byref, c_void_p
from typing import Any, Callable, Dict, List, Tuple

from ._library import check, lib, raise_if_interrupted
from .errors import Error

_live: Dict[int, Tuple[str, c_void_p]] = {}
_numbers = itertools.count(1)
_at_exit: List[Callable[[], None]] = []


def _free(number: int) -> None:
    """May be called again."""
    free, room = _live.pop(number, ("", c_void_p()))
    if room:
        getattr(lib, free)(room)
        raise_if_interrupted()


class Handle:
    """A handle that `make(*arguments, room)` makes and many threads may use; it is freed when
    closed, collected or at exit, but never while somebody uses it:

        with handle as pointer:
            lib.oast_...(pointer)
    """

    def __init__(self, free: str, what: str, make: Any, *arguments: object) -> None:
        self._room = c_void_p()
        self._what = what
        self._lock = threading.Lock()
        self._users = 0
        self._closed = False
        self._number = next(_numbers)
        _live[self._number] = (free, self._room)
        weakref.finalize(self, _free, self._number).atexit = False  # in the order of _end instead
        try:
            check(make(*arguments, byref(self._room)))
        except BaseException:  # a KeyboardInterrupt may come when it is made already
            _free(self._number)
            raise

    def __enter__(self) -> c_void_p:
        with self._lock:
            if self._closed or self._number not in _live:
                raise Error(f"this {self._what} is closed")
            self._users += 1
            return self._room

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._users -= 1
            last = self._closed and self._users == 0
        if last:
            _free(self._number)

    @property
    def closed(self) -> bool:
        return self._closed

    def close(self) -> None:
        """May be called again. Blocks as the library's function does."""
        with self._lock:
            self._closed = True
            last = self._users == 0
        if last:
            _free(self._number)


def at_exit(action: Callable[[], None]) -> None:
    """To be done when the interpreter ends, after all handles were freed."""
    _at_exit.append(action)


def _end() -> None:
    # Newest first: workers before the broker that they were started with.
    for number in sorted(_live, reverse=True):
        _free(number)
    for action in _at_exit:
        action()


atexit.register(_end)
