"""Interrupts: a KeyboardInterrupt in the user's code, once for each that was asked for.

The library sends SIGINT to this thread again and again while an interrupted request runs, and knows
which request that is. The handler raises only while the user's code of that request runs, so that
neither the kernel's own code nor a later request is hit.
"""

from __future__ import annotations

import _signal as signal  # type: ignore[import]  # the module signal takes longer to import
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Any, Callable, Optional


def in_import(frame: Optional[FrameType]) -> bool:
    """The import system itself runs, and not a module that is imported: an exception there may leave
    its locks taken, for ever. An interrupt waits until it is through."""
    return frame is not None and frame.f_code.co_filename.startswith("<frozen importlib")


class Gate:
    """Opened around the user's code. Everything but the handler is for the main thread's code."""

    def __init__(self, interrupted: Callable[[], int], tell_raised: Callable[[int], None]) -> None:
        self._interrupted = interrupted
        self._tell_raised = tell_raised
        self.opened = False
        self.raised = 0  # so many of the interrupts of the request that runs
        # While an event loop runs the user's code: interrupts in its stead, true if it did.
        self.divert: Optional[Callable[[], bool]] = None
        signal.signal(signal.SIGINT, self.handle)
        sys.unraisablehook = self._on_unraisable
        os.register_at_fork(after_in_child=self._leave_to_child)

    def _leave_to_child(self) -> None:
        """A forked child is no kernel: SIGINT does there what it does in any Python."""
        if signal.getsignal(signal.SIGINT) == self.handle:
            signal.signal(signal.SIGINT, signal.default_int_handler)

    def ready(self, _request: Any) -> None:
        """Before each request: the handler is ours, whatever the last one did to it."""
        self.raised = 0
        if signal.getsignal(signal.SIGINT) != self.handle:
            signal.signal(signal.SIGINT, self.handle)

    def open(self) -> None:
        self.opened = True

    def shut(self) -> None:
        """Until it is opened again: for what the kernel does itself on behalf of the user's code."""
        self.opened = False

    def was_interrupted(self, _request: Any) -> bool:
        """Also when a call of the library has ended for it before the handler ran."""
        return self.raised > 0 or self._interrupted() > 0

    def close(self) -> None:
        """Not opened any more, so that nothing is left to do."""

    def handle(self, _signal: int, frame: Optional[FrameType]) -> None:
        if not self.opened or self._interrupted() <= self.raised or in_import(frame):
            return
        if self.divert is not None and self.divert():
            return
        self.raise_now()

    def note_raised(self) -> None:
        self.raised = max(self._interrupted(), 1)
        self._tell_raised(self.raised)

    def raise_now(self) -> None:
        self.note_raised()
        raise KeyboardInterrupt

    def _on_unraisable(self, problem: Any) -> None:
        """One that was raised where exceptions end (in __del__, say) shall be raised again."""
        if self.opened and problem.exc_type is KeyboardInterrupt:
            self.raised = 0
            self._tell_raised(0)
            return
        sys.__unraisablehook__(problem)
