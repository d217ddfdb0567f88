"""Failures, chosen by what the caller should do next; the same in every language of oast."""

from __future__ import annotations

import concurrent.futures
import dataclasses
from typing import Dict, Optional, Tuple, Type

from ._codec.nodes import Failure as FailureFields

DeathFields = Tuple[int, int, int, str, str, str]

KINDS: Tuple[str, ...] = (
    "ok",
    "remote_exception",
    "interrupted",
    "kernel_died",
    "timeout",
    "overloaded",
    "disconnected",
    "not_found",
    "permission_denied",
    "invalid",
    "unimplemented",
    "incompatible",
)

CAUSES: Tuple[str, ...] = (
    "exited",
    "signalled",
    "stopped",
    "owner_gone",
    "lost_heartbeat",
    "never_registered",
    "spawn_failed",
    "memory_limit",
    "time_limit",
    "protocol_error",
)


@dataclasses.dataclass(frozen=True)
class Death:
    """How a kernel ended."""

    cause: str  # one of CAUSES
    exit_code: Optional[int]  # None: ended by a signal, or unknown
    signal: Optional[int]
    signal_name: str  # "SIGKILL"
    explanation: str  # one sentence for a person
    stderr_tail: str  # the last lines of stderr


@dataclasses.dataclass(frozen=True)
class Failure:
    """What a request ended with when it gave no value."""

    kind: str  # one of KINDS
    message: str  # one line
    type: str = ""  # the language's own name of the error
    traceback: Tuple[str, ...] = ()  # lines, innermost last
    death: Optional[Death] = None


class Error(Exception):
    """Base of all that oast raises."""

    default_kind = "invalid"

    def __init__(self, failure: "Failure | str") -> None:
        if isinstance(failure, str):
            failure = Failure(self.default_kind, failure)
        super().__init__(failure)
        self.failure: Failure = failure

    @property
    def kind(self) -> str:
        return self.failure.kind

    def __str__(self) -> str:
        return self.failure.message


class RemoteException(Error):
    """The code raised: fix the code."""

    default_kind = "remote_exception"

    @property
    def type(self) -> str:
        """The language's own name of the error: "ZeroDivisionError"."""
        return self.failure.type

    @property
    def traceback(self) -> str:
        """Of the remote code, as text, innermost last."""
        return "\n".join(self.failure.traceback)

    def __str__(self) -> str:
        message = self.failure.message
        if self.type and not message.startswith(self.type):
            message = f"{self.type}: {message}" if message else self.type
        return f"{message}\n\n{self.traceback}" if self.failure.traceback else message


class Interrupted(Error):
    """Somebody asked for it, running or still queued."""

    default_kind = "interrupted"


_UNKNOWN_DEATH = Death("exited", None, None, "", "", "")


class TerminatedWorkerException(Error):
    """The worker died, or was dead already: start another."""

    default_kind = "kernel_died"

    @property
    def death(self) -> Death:
        return self.failure.death or _UNKNOWN_DEATH

    @property
    def cause(self) -> str:
        return self.death.cause

    @property
    def exit_code(self) -> Optional[int]:
        return self.death.exit_code

    @property
    def signal(self) -> Optional[int]:
        return self.death.signal

    @property
    def stderr_tail(self) -> str:
        return self.death.stderr_tail

    def __str__(self) -> str:
        explained = self.death.explanation
        message = self.failure.message
        if explained and explained not in message:
            message = f"{message}: {explained}"
        tail = self.stderr_tail.rstrip()
        return f"{message}\nits last words on stderr:\n{tail}" if tail else message


class TimeoutError(Error, concurrent.futures.TimeoutError):  # the builtin one since Python 3.11
    """A deadline passed."""

    default_kind = "timeout"


class OverloadedError(Error):
    """Back off and try again."""

    default_kind = "overloaded"


class DisconnectedError(Error, ConnectionError):
    """The connection broke: retry."""

    default_kind = "disconnected"


class NotFoundError(Error, LookupError):
    """No such kernel, spec, function or channel."""

    default_kind = "not_found"


class PermissionDeniedError(Error):
    """Not proven, or not allowed."""

    default_kind = "permission_denied"


class NativeValueError(PermissionDeniedError):
    """A value came in a language's own serialization, which only runs for a trusted worker."""


class InvalidError(Error, ValueError):
    """A bug in the caller."""

    default_kind = "invalid"


class UnimplementedError(Error, NotImplementedError):
    """The other side does not know how."""

    default_kind = "unimplemented"


class IncompatibleError(Error):
    """No version in common."""

    default_kind = "incompatible"


_CLASSES: Dict[str, Type[Error]] = {
    c.default_kind: c
    for c in (
        RemoteException,
        Interrupted,
        TerminatedWorkerException,
        TimeoutError,
        OverloadedError,
        DisconnectedError,
        NotFoundError,
        PermissionDeniedError,
        InvalidError,
        UnimplementedError,
        IncompatibleError,
    )
}


def failure_of(fields: FailureFields) -> Failure:
    """Of what came from the library."""
    status, message, kind, traceback, death = fields
    known = KINDS[status] if status < len(KINDS) else "unknown"
    lines = tuple(traceback)
    return Failure(known, message, kind, lines, None if death is None else death_of(death))


def death_of(fields: DeathFields) -> Death:
    cause, exit_code, signal, signal_name, explanation, stderr_tail = fields
    return Death(
        cause=CAUSES[cause] if cause < len(CAUSES) else "unknown",
        exit_code=exit_code if exit_code >= 0 else None,
        signal=signal or None,
        signal_name=signal_name,
        explanation=explanation,
        stderr_tail=stderr_tail,
    )


def failure_fields(failure: Failure) -> FailureFields:
    """For the library."""
    status = KINDS.index(failure.kind) if failure.kind in KINDS[1:] else 1
    death, it = None, failure.death
    if it is not None:
        cause = CAUSES.index(it.cause) if it.cause in CAUSES else 0
        code = -1 if it.exit_code is None else it.exit_code
        death = (cause, code, it.signal or 0, it.signal_name, it.explanation, it.stderr_tail)
    return FailureFields(status, failure.message, failure.type, failure.traceback, death)


def error_of(failure: Failure) -> Error:
    """The exception that belongs to the failure."""
    return _CLASSES.get(failure.kind, Error)(failure)
