"""Lanes other than 0: a thread for each, beside the main thread, which is lane 0."""

from __future__ import annotations

import ctypes
import sys
import threading

from . import library
from .engine import LEASE_CHECK_MS, Engine
from .interrupt import in_import
from .kernel import Kernel, Leases, Request

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, Optional

_raise_in = ctypes.pythonapi.PyThreadState_SetAsyncExc
_raise_in.argtypes = (ctypes.c_ulong, ctypes.py_object)
_forget = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.c_ulong, ctypes.c_void_p)(
    ("PyThreadState_SetAsyncExc", ctypes.pythonapi))


# When an interrupt that could not be raised is tried again.
_AGAIN_MS = 20


class LaneGate:
    """As interrupt.Gate, for the thread of a lane. There is no signal for it: the thread that takes
    interrupts has Python raise the exception, where the lane's thread runs Python code next."""

    def __init__(self, interrupted: Callable[[Request], int],
                 tell_raised: Callable[[Request, int], None]) -> None:
        self._interrupted = interrupted
        self._tell_raised = tell_raised
        self._lock = threading.Lock()
        self._thread = threading.get_ident()
        self._request: Optional[Request] = None
        self.opened = False
        self.raised = 0
        self.divert: Optional[Callable[[], bool]] = None

    def ready(self, request: Request) -> None:
        with self._lock:
            self._request, self.raised = request, 0

    def open(self) -> None:
        self.opened = True
        self.interrupt()

    def shut(self) -> None:
        """As interrupt.Gate's."""
        with self._lock:
            self.opened = False

    def close(self) -> None:
        """No interrupt of the request is raised after this returns; one may be in here. Not opened
        any more before."""
        with self._lock:
            self._request = None
            _forget(self._thread, None)

    def was_interrupted(self, request: Request) -> bool:
        """Also when a call of the library has ended for it before `interrupt` came to it."""
        return self.raised > 0 or self._interrupted(request) > 0

    def note_raised(self) -> None:
        self.raised = max(self._interrupted(self._request) if self._request else 0, 1)

    def interrupt(self) -> bool:
        """Does to the request that runs what has been asked for, and was not done. False when that
        cannot be now, and shall be tried again in a moment. Any thread."""
        with self._lock:
            request = self._request
            if request is None or not self.opened or self._interrupted(request) <= self.raised:
                return True
            if in_import(sys._current_frames().get(self._thread)):
                return False
            if self.divert is not None and self.divert():
                return True
            # In this order: who sees in the lane's thread that it was raised has it raised there.
            _raise_in(self._thread, KeyboardInterrupt)
            self.note_raised()
            return True

    def before_wait(self) -> None:
        """In the lane's thread, which is about to wait in the library: that shall end for what is
        still to be raised, and for nothing else. Not told by `interrupt`, as the thread may wait
        already."""
        if self.raised and self._request is not None:
            self._tell_raised(self._request, self.raised)


class _Lane:
    """One lane and its thread, which lives as long as the kernel."""

    def __init__(self, number: int, kernel: Kernel, executor: Any) -> None:
        self._kernel = kernel
        self._executor = executor
        from queue import SimpleQueue  # here, as few kernels need it
        self._requests: "SimpleQueue[Request]" = SimpleQueue()
        self.gate: Optional[LaneGate] = None
        threading.Thread(target=self._serve, name="lane %d" % number, daemon=True).start()

    def put(self, request: Request) -> None:
        self._requests.put(request)

    def _serve(self) -> None:
        self.gate = gate = LaneGate(self._kernel.request_interrupted, self._kernel.request_interrupts_raised)
        engine = Engine(self._kernel, gate, self._executor.of_lane(gate), None)
        while True:
            request = self._next(engine.leases)
            self._kernel.run_here(request, gate.before_wait)
            engine.answer(request)

    def _next(self, leases: Leases) -> Request:
        from queue import Empty
        while True:
            leases.drop()
            try:
                return self._requests.get(True, LEASE_CHECK_MS / 1000 if leases else None)
            except Empty:
                pass


class Lanes:
    """The thread that gives each lane its requests and interrupts."""

    def __init__(self, kernel: Kernel, executor: Any) -> None:
        self._kernel = kernel
        self._executor = executor
        self._lanes: Dict[int, _Lane] = {}

    def start(self) -> None:
        import _thread  # not a threading.Thread: the user's code need not see it
        _thread.start_new_thread(self._serve, ())

    def _serve(self) -> None:
        timeout = -1
        while True:
            status, request = self._kernel.next_of_lanes(timeout)
            if request is not None:
                self._lane(request.lane).put(request)
            elif status in (library.INTERRUPTED, library.TIMEOUT):
                done = [lane.gate.interrupt() for lane in self._lanes.values() if lane.gate]
                timeout = -1 if all(done) else _AGAIN_MS
            else:
                return

    def _lane(self, number: int) -> _Lane:
        if number not in self._lanes:
            self._lanes[number] = _Lane(number, self._kernel, self._executor)
        return self._lanes[number]
