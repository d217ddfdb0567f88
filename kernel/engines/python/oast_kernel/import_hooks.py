"""What is done to modules that most code does not need, and that are slow to import: only once
something imports them."""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict


def when_imported(name: str, action: Callable[[Any], object]) -> None:
    """Has `action` done to the module, now or when it has been imported. One action a module."""
    if name in sys.modules:
        action(sys.modules[name])
        return
    if _finder not in sys.meta_path:
        sys.meta_path.insert(0, _finder)
    _finder.actions[name] = action


class _Finder:
    """Finds what the other finders find, with the action added."""

    def __init__(self) -> None:
        self.actions: Dict[str, Callable[[Any], object]] = {}

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        if name not in self.actions:
            return None
        for finder in sys.meta_path:
            find: Any = getattr(finder, "find_spec", None) if finder is not self else None
            spec = find(name, path, target) if find else None
            if spec is not None:
                spec.loader = _Loader(spec.loader, self.actions)
                return spec
        return None


class _Loader:
    """Another's, with the action added the first time that it makes the module."""

    def __init__(self, loader: Any, actions: Dict[str, Callable[[Any], object]]) -> None:
        self._loader = loader
        self._actions = actions

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)

    def create_module(self, spec: Any) -> Any:
        return self._loader.create_module(spec)

    def exec_module(self, module: Any) -> None:
        module.__loader__ = module.__spec__.loader = self._loader
        self._loader.exec_module(module)
        self._actions.pop(module.__name__, lambda _module: None)(module)


_finder: Any = _Finder()
