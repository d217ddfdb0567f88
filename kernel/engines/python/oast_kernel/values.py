"""What a kernel's side of the codec decides: every value is sent that can be, and errors are sent
with their traceback."""

from __future__ import annotations

from . import tracebacks
from .codec.nodes import Failure
from .codec.policy import Policy

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Optional, Tuple


class RemoteError(Exception):
    """An error that came as a value."""

    def __init__(self, message: str, type: str = "", traceback: Tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.type = type
        self.traceback = traceback
        self._failure = Failure(1, message, type, traceback, None)


class NotPortable(TypeError):
    """Only Python could read this."""


def failure_of(report: tracebacks.Report, status: int = 1) -> Failure:
    return Failure(status, report.message, report.type, report.lines, None)


def _describe(error: BaseException) -> Failure:
    """One that came as a value goes on as it came."""
    if isinstance(error, RemoteError):
        return error._failure
    return failure_of(tracebacks.Report(error))


def _rebuild(failure: Failure) -> RemoteError:
    _status, message, kind, lines, _death = failure
    error = RemoteError(message, kind, tuple(lines))
    error._failure = failure
    return error


def _unreadable(form: str) -> Optional[Exception]:
    if form == "pickle5":
        return None
    return TypeError("a native value of the format %r is not for Python, which reads 'pickle5'"
                     % form)


def _not_portable(_value: Any) -> Exception:
    return NotPortable()


KERNEL = Policy(refuse=None, exact=False, describe=_describe, rebuild=_rebuild,
                unreadable=_unreadable, invalid=TypeError)
# For a host that would only show the value to a person.
PORTABLE = Policy(refuse=_not_portable, exact=False, describe=_describe, rebuild=_rebuild,
                  unreadable=_unreadable, invalid=TypeError)
