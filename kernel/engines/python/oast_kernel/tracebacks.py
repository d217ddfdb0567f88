"""Exceptions as a person wants to see them: the user's own frames, and none of the kernel's."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Any, List, Optional, Set, Tuple

_PACKAGE = os.path.dirname(os.path.abspath(__file__)) + os.sep
_LONGEST_MESSAGE = 4096
_LONGEST_LINE = 65536


_prepared: Tuple[Optional[BaseException], List[str]] = (None, [])


def prepare(error: BaseException, lines: List[str]) -> None:
    """Another's traceback of this error, to be shown instead of ours."""
    global _prepared
    _prepared = (error, lines)


class Report:
    """What a failure says of an exception: its message in one line, its type, its traceback."""

    def __init__(self, error: BaseException) -> None:
        self.type = _type_name(type(error))
        self.message = _message(error)
        self.lines = _lines(error)


def _type_name(kind: type) -> str:
    if kind.__module__ in ("builtins", "__main__"):
        return kind.__qualname__
    return "%s.%s" % (kind.__module__, kind.__qualname__)


def _message(error: BaseException) -> str:
    try:
        text = _text(error)
    except BaseException:  # the user's code makes it, and that may raise SystemExit too
        text = "<exception str() failed>"
    line = " ".join(text.split("\n")).strip()
    return line[:_LONGEST_MESSAGE] or type(error).__name__


def _text(error: BaseException) -> str:
    if isinstance(error, SystemExit):
        code = 0 if error.code is None else error.code
        return str(int(code) if isinstance(code, bool) else code)
    return str(error.msg if isinstance(error, SyntaxError) and error.msg else error)


def _lines(error: BaseException) -> List[str]:
    global _prepared
    prepared, _prepared = _prepared, (None, [])
    if prepared[0] is error:
        return prepared[1]
    import traceback  # slow to import, and not needed while all is well
    try:
        report = traceback.TracebackException(type(error), error, _first_user_frame(error))
        _drop_ours(report, set())
        text = "".join(report.format())
    except BaseException as problem:  # an exception that cannot even be shown
        text = "<no traceback of %s: %s>" % (type(error).__name__, type(problem).__name__)
    return [line[:_LONGEST_LINE] for line in text.rstrip("\n").split("\n")]


def _first_user_frame(error: BaseException) -> Optional[TracebackType]:
    """Leaves out how the kernel got to the user's code; also the loop that ran it."""
    frame = error.__traceback__
    while frame is not None and _is_machinery(frame.tb_frame.f_code.co_filename):
        frame = frame.tb_next
    return frame


def drop_inner(error: BaseException) -> None:
    """Leaves out where the kernel raised it, if it did: an interrupt, the end of an input."""
    last, entry = None, error.__traceback__
    while entry is not None:
        if not is_ours(entry.tb_frame.f_code.co_filename):
            last = entry
        entry = entry.tb_next
    if last is not None:
        last.tb_next = None


def _is_machinery(path: str) -> bool:
    return is_ours(path) or os.path.dirname(path).endswith("asyncio")


def is_ours(path: str) -> bool:
    return path.startswith(_PACKAGE)


def _drop_ours(report: Any, seen: Set[int]) -> None:
    if report is None or id(report) in seen:
        return
    seen.add(id(report))
    report.stack[:] = [frame for frame in report.stack if not is_ours(frame.filename)]
    _drop_ours(report.__cause__, seen)
    _drop_ours(report.__context__, seen)
    for part in getattr(report, "exceptions", None) or ():
        _drop_ours(part, seen)
