"""What hosts and kernels do differently about values."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Optional

    from .nodes import Failure


class Policy:
    """
    refuse(value)     the exception for what only a pickle could carry; None: pickle it
    exact             what is more than its plain base (an IntEnum, a namedtuple, an exception) is
                      pickled, to stay what it is; else it goes as its base
    describe(error)   the Failure that an exception becomes
    rebuild(failure)  the exception that a Failure becomes
    unreadable(name)  the exception for a native value of that format; None: read it
    invalid(text)     the exception for a value that nobody can send or have
    """

    __slots__ = ("refuse", "exact", "describe", "rebuild", "unreadable", "invalid")

    def __init__(self, *, refuse: Optional[Callable[[Any], Exception]], exact: bool,
                 describe: Callable[[BaseException], Failure],
                 rebuild: Callable[[Failure], Exception],
                 unreadable: Callable[[str], Optional[Exception]],
                 invalid: Callable[[str], Exception]) -> None:
        self.refuse = refuse
        self.exact = exact
        self.describe = describe
        self.rebuild = rebuild
        self.unreadable = unreadable
        self.invalid = invalid
