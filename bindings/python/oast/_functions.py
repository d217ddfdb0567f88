"""What remote_call takes for a function."""

from __future__ import annotations

import sys
from typing import Any, Callable, List, Mapping, Optional, Sequence, Tuple, Union

from . import _library
from ._codec.encode import Pickled

# A function of Python kernels: calls f(*args, **kwargs).
_CALLER = "oast_kernel.call"


class Source(str):
    """A function given as source text: `w.remote_call_fetch(Source("lambda a: a + 1"), 1)`."""


Function = Union[str, Source, Callable[..., Any]]


def dotted_path(function: Any) -> Optional[str]:
    """Where a kernel can import the very same function from; None: nowhere."""
    module = getattr(function, "__module__", None)
    name = getattr(function, "__qualname__", None)
    if not module or not name or module == "__main__" or "<" in name:
        return None
    found: Any = sys.modules.get(module)
    for part in name.split("."):
        found = getattr(found, part, None)
    return f"{module}.{name}" if found is function else None


def resolve(
    function: Function, args: Sequence[object], kwargs: Mapping[str, object], trust: bool
) -> Tuple[int, str, List[object]]:
    """What to ask for, as oast_what and its text, and the values that go with it."""
    if isinstance(function, Source):
        if kwargs:
            raise TypeError("a function given as source takes no keyword arguments")
        return _library.CALL_SOURCE, str(function), list(args)
    path = function if isinstance(function, str) else dotted_path(function)
    if path is not None:
        if not kwargs:
            return _library.CALL, path, list(args)
        return _library.CALL, _CALLER, [path, list(args), dict(kwargs)]
    if not callable(function):
        raise TypeError(f"{function!r} is no function, nor the dotted path of one")
    if not trust:
        raise TypeError(
            f"{function!r} cannot be imported by a worker: put it into a module that the worker "
            "can import, name it by a dotted path, or start the worker with trust=True, which "
            "sends it as a pickle"
        )
    pickled = Pickled(function)
    return _library.CALL, _CALLER, [pickled, list(args), dict(kwargs)]
