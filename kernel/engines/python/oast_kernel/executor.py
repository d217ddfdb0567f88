"""Runs the user's code in a __main__ that lives as long as the kernel."""

from __future__ import annotations

import os
import sys
import types

from . import calls, displays
from .sources import COROUTINE, Program, Sources

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional

# By -P or -I: neither the script's nor the current directory is on sys.path.
SAFE_PATH = bool(getattr(sys.flags, "safe_path", sys.flags.isolated))


class Executor:
    """For one thread: the main thread, or by `of_lane` another. What code raises comes out as it
    is."""

    def __init__(self, gate: Any) -> None:
        self._gate = gate
        self._sources = Sources()
        self._loop: Any = None
        module = types.ModuleType("__main__")
        module.__builtins__ = __builtins__  # type: ignore[attr-defined]
        sys.modules["__main__"] = module
        self.namespace: Dict[str, Any] = vars(module)

    def offer(self, name: str, value: Any) -> None:
        """Code finds it under this name."""
        self.namespace[name] = value

    def of_lane(self, gate: Any) -> Executor:
        """For the thread of another lane: the same __main__, an event loop of its own."""
        other = object.__new__(type(self))
        vars(other).update(vars(self), _gate=gate, _loop=None)
        return other

    def evaluate(self, code: str, source_name: str, arguments: List[Any]) -> Any:
        """A module's body; the value of the expression it ends with, None without one."""
        if source_name or arguments:
            self._become_script(source_name, arguments)
        program = self._sources.compile(code, source_name)
        if program.is_async:
            return self._wait(self._steps(program))
        if program.body is not None:
            eval(program.body, self.namespace)
        return eval(program.last, self.namespace) if program.last is not None else None

    def evaluate_displayed(self, code: str, source_name: str, arguments: List[Any]) -> None:
        """As evaluate; the value is displayed."""
        displays.notebook = True
        displays.emit_result(self.evaluate(code, source_name, arguments))

    async def _steps(self, program: Program) -> Any:
        """All of it in the loop, so that tasks can be made before the first await."""
        value = None
        for code in (program.body, program.last):
            if code is not None:
                value = eval(code, self.namespace)
                if code.co_flags & COROUTINE:
                    value = await value
        return value if program.last is not None else None

    def _wait(self, coroutine: Any) -> Any:
        if self._loop is None:
            self._gate.shut()  # an import that is broken off leaves half of asyncio
            from .event_loop import EventLoop
            self._loop = EventLoop(self._gate)
            self._gate.open()
        return self._loop.run(coroutine)

    def _become_script(self, source_name: str, arguments: List[Any]) -> None:
        """Shows code from a file, or with arguments, what Python shows a script."""
        is_file = os.path.isfile(source_name)
        if not arguments and not is_file:
            return
        sys.argv = [source_name] + [os.fsdecode(argument) if isinstance(argument, bytes)
                                    else argument for argument in arguments]
        if is_file:
            self.namespace["__file__"] = os.path.abspath(source_name)
            if not SAFE_PATH:
                sys.path[0] = os.path.dirname(os.path.abspath(source_name))

    def call(self, function: str, source: str, arguments: List[Any]) -> Any:
        """The value of a call; awaited if it is a coroutine."""
        target = calls.resolve(function) if function else self.evaluate(source, "", [])
        if not callable(target):
            raise TypeError("%s is no function but a %s"
                            % (function or "the source's value", type(target).__name__))
        value = target(*arguments)
        return self._wait(value) if isinstance(value, types.CoroutineType) else value

    def background(self) -> Optional[Any]:
        """The event loop if it has something to go on with between requests."""
        return self._loop if self._loop is not None and self._loop.occupied() else None
