"""The thread that answers what frontends ask of code being edited, while code runs."""

from __future__ import annotations

import _thread

from . import library
from .kernel import Kernel, Request

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict


class Queries:
    """Completion, inspection and completeness of code, on a thread of its own."""

    def __init__(self, kernel: Kernel, editing: Any, namespace: Dict[str, Any]) -> None:
        self._kernel = kernel
        self._editing = editing
        self._namespace = namespace

    def start(self) -> None:
        # Not a threading.Thread: the user's code need not see it.
        _thread.start_new_thread(self._serve, ())

    def _serve(self) -> None:
        while True:
            status, request = self._kernel.next_query()
            if request is not None:
                try:
                    self._answer(request)
                except BaseException as error:  # the request must be answered, whatever it was
                    self._kernel.fail(request.handle, error)
            elif status not in (library.INTERRUPTED, library.TIMEOUT):
                return

    def _answer(self, request: Request) -> None:
        kernel, editing = self._kernel, self._editing()
        if request.kind == library.COMPLETE:
            found = editing.complete(request.code, request.cursor, self._namespace)
            kernel.reply_completions(request, found.matches, found.start, found.end)
        elif request.kind == library.INSPECT:
            kernel.reply_inspection(request, editing.inspect_at(
                request.code, request.cursor, request.detail, self._namespace))
        else:
            kernel.reply_completeness(request, *editing.is_complete(request.code))


def plain_editing() -> Any:
    """The module is imported when it is first asked."""
    from . import completion
    return completion
