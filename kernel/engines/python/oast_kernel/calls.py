"""Functions by name."""

from __future__ import annotations

import builtins
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, List, Optional, Union


class Unknown(LookupError):
    """There is no such function."""


def resolve(path: str) -> Any:
    """What "module.function" names: in __main__ first, then the builtins, then modules, which are
    imported. Raises Unknown, and what importing raises."""
    steps = path.split(".")
    if not all(step.isidentifier() for step in steps):
        raise Unknown("%r is no function's name: a dotted path like math.sqrt would be" % path)
    main = vars(sys.modules["__main__"])
    first, rest = steps[0], steps[1:]
    if first in main:
        return _walk(main[first], rest, path)
    if hasattr(builtins, first):
        return _walk(getattr(builtins, first), rest, path)
    module = _import(first)
    if module is None:
        raise Unknown("no function %s: neither __main__ nor the builtins have %s, nor is there a "
                      "module of that name" % (path, first))
    return _walk(module, rest, path, first)


def _walk(value: Any, steps: List[str], path: str, module: str = "") -> Any:
    """Along attributes; and along modules as long as `module` names one."""
    for step in steps:
        inner = "%s.%s" % (module, step)
        if hasattr(value, step):
            value = getattr(value, step)
            module = inner if module and inner in sys.modules else ""
            continue
        submodule = _import(inner) if module else None
        if submodule is None:
            raise Unknown("no function %s: %s has no %s"
                          % (path, module or type(value).__name__, step))
        value, module = submodule, inner
    return value


def _import(name: str) -> Any:
    """The module, or nothing when there is none of that name."""
    import importlib  # here, as few calls need it
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and (name + ".").startswith(error.name + "."):
            return None
        raise


def call(function: Union[str, Callable[..., Any]], args: Any = (),
         kwargs: Optional[Dict[str, Any]] = None) -> Any:
    """Call a function, by dotted path or itself, also with keyword arguments."""
    if isinstance(function, str):
        return resolve(function)(*args, **(kwargs or {}))
    return function(*args, **(kwargs or {}))
