"""What is done to modules that most code does not need, and that are slow to import: only once
something imports them."""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType
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
            spec = finder.find_spec(name, path, target) if finder is not self else None
            if spec is not None:
                self._add(spec.loader, self.actions.pop(name))
                return spec
        return None

    @staticmethod
    def _add(loader: Any, action: Callable[[Any], object]) -> None:
        execute = loader.exec_module

        def execute_and_act(module: ModuleType) -> None:
            execute(module)
            action(module)

        loader.exec_module = execute_and_act


_finder: Any = _Finder()
