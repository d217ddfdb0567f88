"""Takes requests, has them executed, and answers each of them once."""

from __future__ import annotations

import os
import sys

from . import calls, displays, library, tracebacks
from .channels import RemoteChannel
from .codec.encode import Encoder, is_plain, scalar_nodes
from .kernel import Kernel, Leases, Request
from .streams import TextInput, request_tag
from .values import KERNEL, PORTABLE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Optional, Tuple

    Answer = Tuple[Optional[bytes], Optional[Encoder]]

# How often what was lent is looked after while nothing else happens.
LEASE_CHECK_MS = 20
# Python's own, which the code between requests needs no more than.
_RECURSION_LIMIT = 1000


class Engine:
    """For the thread that it is made on: the main thread, which is lane 0, or that of another lane,
    which has no stdin."""

    def __init__(self, kernel: Kernel, gate: Any, executor: Any,
                 stdin: Optional[TextInput]) -> None:
        self._kernel = kernel
        self._gate = gate
        self._executor = executor
        self._stdin = stdin
        self.leases = Leases()

    def serve(self) -> None:
        """Until the kernel shall end. On the main thread."""
        while True:
            try:
                while True:  # in here, as what ends a turn of a loop may run a handler, too
                    status, request = self._next()
                    if request is not None:
                        self.answer(request)
                    elif status not in (library.INTERRUPTED, library.TIMEOUT):
                        return
            except SystemExit:
                raise
            except BaseException as problem:  # what a signal handler of the code raised
                self._recover(self._kernel.next_handle(), problem)

    def _next(self) -> Tuple[int, Optional[Request]]:
        loop = self._executor.background()
        if loop is not None:
            loop.run_until_readable(self._kernel.fd())
            return self._kernel.next(0)
        self.leases.drop()
        return self._kernel.next(LEASE_CHECK_MS if self.leases else -1)

    def answer(self, request: Request) -> None:
        """Executes the request and answers it. What the code left behind may fail what is done here
        around it: a signal handler that raises, a recursion limit, an exception that raises when it
        is looked at. Then that is the request's failure."""
        try:
            self._answer(request)
        except BaseException as problem:
            self._recover(request.handle, problem)

    def _recover(self, handle: int, problem: BaseException) -> None:
        """Fails the request if it is open; else does what Python does when nothing catches it,
        without ending the process for other exceptions than SystemExit."""
        sys.setrecursionlimit(max(sys.getrecursionlimit(), _RECURSION_LIMIT))
        if self._kernel.forked:
            _end_child(problem)
        if self._kernel.fail(handle, problem):
            return
        if isinstance(problem, SystemExit):
            raise problem
        print(*tracebacks.Report(problem).lines, sep="\n", file=sys.stderr)

    def _answer(self, request: Request) -> None:
        request_tag.set(request.tag)
        gate = self._gate
        gate.ready(request)
        error: Optional[BaseException] = None
        answer: Answer = (None, None)
        # Two, as an interrupt may hit while the inner one is being left. It comes once only.
        try:
            try:
                gate.open()
                answer = self._execute(request)
            finally:
                gate.opened = False
        except BaseException as problem:
            gate.opened = False
            error = problem
        try:
            gate.close()
        except KeyboardInterrupt:  # one that was under way already
            gate.close()
        if self._kernel.forked:
            _end_child(error)
        if self._stdin is not None:
            self._stdin.forget_rest()
        if error is not None:
            self._fail(request, error)
        else:
            self._kernel.reply(request, *answer, self.leases)

    def _execute(self, request: Request) -> Answer:
        kernel, executor = self._kernel, self._executor
        if self.leases:
            self.leases.wait()  # what is still being sent must not be changed
        arguments = kernel.arguments(request) if request.args_count else []
        shown = False
        if request.want == library.WANT_DISPLAYED and request.kind == library.EVAL:
            executor.evaluate_displayed(request.code, request.source_name, arguments)
            value = None
        elif request.kind == library.EVAL:
            value = executor.evaluate(request.code, request.source_name, arguments)
            shown = not is_plain(value) and value is not None and displays.emit_last(value)
        else:
            value = executor.call(request.function, request.code, arguments)
        _show_figures()
        return self._encode(request.want, value, shown)

    @staticmethod
    def _encode(want: int, value: Any, shown: bool) -> Answer:
        if want == library.WANT_CHANNEL:
            if not isinstance(value, RemoteChannel):
                raise TypeError("a channel was asked for, and this is a %s; "
                                "RemoteChannel(capacity) makes one" % type(value).__name__)
            value = value.id
        elif want not in (library.WANT_VALUE, library.WANT_SHOWN):
            value = None
        nodes = scalar_nodes(value)
        if nodes is not None:
            return nodes, None
        to_show = want == library.WANT_SHOWN
        try:
            return None, Encoder((value,), PORTABLE if to_show else KERNEL)
        except TypeError:
            if to_show and not shown:
                displays.emit({"text/plain": displays.plain_text(value)})
            elif not shown:
                raise
            return scalar_nodes(None), None  # it was for somebody to look at

    def _fail(self, request: Request, error: BaseException) -> None:
        status = library.REMOTE_EXCEPTION
        if isinstance(error, KeyboardInterrupt) and self._gate.was_interrupted(request):
            status = library.INTERRUPTED
        elif isinstance(error, calls.Unknown):
            status = library.NOT_FOUND
        self._kernel.fail(request.handle, error, status)


def _show_figures() -> None:
    backend = sys.modules.get("oast_kernel.matplotlib_backend")
    if backend is not None:
        backend.show()


def _end_child(error: Optional[BaseException]) -> None:
    """A process that the code forked came to the end of it, where a script would end."""
    code = 0
    if isinstance(error, SystemExit):
        code = error.code if isinstance(error.code, int) else int(error.code is not None)
    elif error is not None:
        print(*tracebacks.Report(error).lines, sep="\n", file=sys.stderr)
        code = 1
    os._exit(code)
