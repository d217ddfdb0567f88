"""The user's source: compiled, and kept for tracebacks and inspection."""

from __future__ import annotations

import __future__
import _ast as ast  # the module ast takes much longer to import
import sys
import threading

from . import import_hooks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType
    from typing import Any, Dict, Optional, Tuple

# What `from __future__ import ...` may set, for all later code too, as in an interactive Python.
_FUTURE = 0
for _name in __future__.all_feature_names:
    _FUTURE |= getattr(__future__, _name).compiler_flag
COROUTINE = 0x80  # inspect.CO_COROUTINE
_KEPT = 5000  # sources
_KEPT_SIZE = 16 << 20  # bytes of theirs, unless the newest alone is larger
_CACHED = 256  # compiled
_CACHED_LENGTH = 65536  # characters of one


class Program:
    """A module's body, and the expression it ends with."""

    def __init__(self, body: Optional[CodeType], last: Optional[CodeType]) -> None:
        self.body = body
        self.last = last
        flags = (body.co_flags if body else 0) | (last.co_flags if last else 0)
        self.is_async = bool(flags & COROUTINE)  # it awaits


class Sources:
    """Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._names: Dict[str, str] = {}  # text by name, the last used one last
        self._size = 0  # bytes of the texts and their lines
        self._numbers: Dict[str, int] = {}
        self._programs: Dict[Tuple[str, str], Program] = {}
        self._flags = 0
        self._lines: Dict[str, Any] = {}  # for linecache
        self._linecache: Any = None
        import_hooks.when_imported("linecache", self._share)

    def _share(self, linecache: Any) -> None:
        linecache.cache.update(self._lines)
        self._linecache = linecache

    def compile(self, code: str, source_name: str) -> Program:
        """Raises SyntaxError and what else compile() raises."""
        with self._lock:
            return self._compile_or_find(code, source_name)

    def _compile_or_find(self, code: str, source_name: str) -> Program:
        key = (code, source_name)
        program = self._programs.get(key)
        if program is None:
            program = self._compile(code, self._remember(code, source_name))
            if len(code) > _CACHED_LENGTH:
                return program
            self._programs[key] = program
            if len(self._programs) > _CACHED:
                del self._programs[next(iter(self._programs))]
        return program

    def _compile(self, code: str, name: str) -> Program:
        flags = self._flags | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
        tree = compile(code, name, "exec", flags | ast.PyCF_ONLY_AST, True)
        body = last = None
        if tree.body and isinstance(tree.body[-1], ast.Expr):
            expression = ast.Expression(tree.body.pop().value)
            last = compile(expression, name, "eval", flags | _future_flags(tree), True)
        if tree.body:
            body = compile(tree, name, "exec", flags, True)
            self._keep_flags(body.co_flags & _FUTURE)
        return Program(body, last)

    def _keep_flags(self, flags: int) -> None:
        if flags & ~self._flags:
            self._flags |= flags
            self._programs.clear()

    def _remember(self, code: str, source_name: str) -> str:
        """Under which name the code is compiled: the given one, numbered when there is another
        source of that name already, so that tracebacks show the lines that ran."""
        wanted = source_name or "<eval>"
        name = wanted
        if self._names.get(name, code) != code:
            number = self._numbers.get(wanted, 1) + 1
            self._numbers[wanted] = number
            name = "<eval %d>" % number if not source_name else "%s (%d)" % (wanted, number)
        self._size += _size(code) - _size(self._names.pop(name, None))
        self._names[name] = code
        lines = self._linecache.cache if self._linecache is not None else self._lines
        lines[name] = (len(code), None, code.splitlines(True), name)
        while len(self._names) > _KEPT or (self._size > _KEPT_SIZE and len(self._names) > 1):
            oldest = next(iter(self._names))
            self._size -= _size(self._names.pop(oldest))
            lines.pop(oldest, None)
        return name


def _size(code: Optional[str]) -> int:
    """Bytes, about, of a text and its lines."""
    return 0 if code is None else 2 * sys.getsizeof(code)


def _future_flags(tree: ast.Module) -> int:
    """Those that the body sets hold in its last expression too."""
    flags = 0
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and node.module == "__future__":
            for alias in node.names:
                feature = getattr(__future__, alias.name, None)
                flags |= getattr(feature, "compiler_flag", 0)
    return flags
