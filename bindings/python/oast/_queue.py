"""The thread that hears from the library what is ready, so that no thread of the library has to
wait for Python."""

from __future__ import annotations

import ctypes
import itertools
import os
import threading
import warnings
from typing import Callable, Dict, Optional

from . import _handles, _library
from ._library import lib, quick
from ._signals import Deferred, tell

_AT_ONCE = 256
_PATIENCE = 5.0  # seconds at exit, for callbacks


class Queue:
    """What is to be done for each tag that the library puts into its queue. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: Dict[int, Callable[[], None]] = {}
        self._tags = itertools.count(1)
        self._pointer: Optional[int] = None
        self._thread: Optional[threading.Thread] = None

    def ticket(self, action: Callable[[], None]) -> int:
        """For oast_queue_push, which has `action` done on the queue's thread, once."""
        if self._pointer is None:
            with Deferred():
                self._start()
        tag = next(self._tags)
        self._waiting[tag] = action
        ticket: int = quick.oast_queue_ticket(self._pointer, tag)
        return ticket

    def _start(self) -> None:
        with self._lock:
            if self._pointer is not None:
                return
            pointer = _library.made(lib.oast_queue_new)
            self._thread = threading.Thread(
                target=self._run, args=(pointer,), name="oast-queue", daemon=True
            )
            self._thread.start()
            self._pointer = pointer
            _handles.at_exit(self._end)

    def _run(self, pointer: int) -> None:
        tags = (ctypes.c_uint64 * _AT_ONCE)()
        count = ctypes.c_size_t(1)
        while count.value:
            _library.check(
                lib.oast_queue_take(pointer, -1, tags, _AT_ONCE, ctypes.byref(count))
            )
            for tag in tags[: count.value]:
                try:
                    self._waiting.pop(tag)()  # no variable that keeps the last one
                except BaseException as error:  # all futures need this thread
                    tell(error)

    def _end(self) -> None:
        if self._pointer is not None and self._thread is not None:
            lib.oast_queue_close(self._pointer)
            self._thread.join(_PATIENCE)
            if self._thread.is_alive():  # and it ends with the process
                warnings.warn(
                    f"a callback of a future, or the reading of a result, still runs {_PATIENCE} s "
                    "after the end of the program, which does not wait for it any longer",
                    RuntimeWarning,
                )
                return
            lib.oast_queue_free(self._pointer)
            self._pointer = None

    def forget(self) -> None:
        """In a forked child: there is no such thread, and nobody to hear of."""
        self.__init__()  # type: ignore[misc]


queue = Queue()
os.register_at_fork(after_in_child=queue.forget)
