"""What frontends ask of code being edited. Runs as little of the user's code as it can, on the
query thread, while the main thread may be busy."""

import builtins
import codeop
import inspect
import keyword
import pkgutil
import re
import sys
import types
import warnings
from ast import PyCF_ALLOW_TOP_LEVEL_AWAIT
from typing import Any, Dict, Iterable, List, NamedTuple, Optional, Tuple

from .library import CODE_COMPLETE, CODE_INCOMPLETE, CODE_INVALID

_CHAIN = re.compile(r"(?:[^\W\d]\w*\.)*(?:[^\W\d]\w*)?$")
_IMPORT = re.compile(r"^\s*(?:import|from)\s+(?:[\w.]+\s*,\s*)*([\w.]*)$")
_FROM = re.compile(r"^\s*from\s+([\w.]+)\s+import\s+(?:[(\w\s,]*,)?\s*\(?(\w*)$")
# Descriptors that give what they have without running code of the user.
_HARMLESS = (types.FunctionType, types.BuiltinFunctionType, types.MethodDescriptorType,
             types.WrapperDescriptorType, types.ClassMethodDescriptorType,
             types.MemberDescriptorType, types.GetSetDescriptorType, classmethod, staticmethod)
_MISSING = object()


class Completions(NamedTuple):
    """Each match replaces bytes [start, end)."""

    matches: List[str]
    start: int
    end: int


def complete(code: str, cursor: int, namespace: Dict[str, Any]) -> Completions:
    """`cursor` in bytes."""
    before = _before(code, cursor)
    line = before[before.rfind("\n") + 1:]
    prefix, candidates = _candidates(line, namespace)
    matches = sorted({name for name in candidates if name.startswith(prefix)}, key=_order)
    if not prefix.startswith("_"):
        matches = [name for name in matches if not name.startswith("_")] or matches
    end = len(before.encode())
    return Completions(matches, end - len(prefix.encode()), end)


def _order(name: str) -> Tuple[int, str]:
    return (len(name) - len(name.lstrip("_")), name)


def _before(code: str, cursor: int) -> str:
    return code.encode()[:cursor].decode("utf-8", "ignore")


def _candidates(line: str, namespace: Dict[str, Any]) -> Tuple[str, Iterable[str]]:
    of_module = _FROM.match(line)
    if of_module:
        return of_module.group(2), _members(sys.modules.get(of_module.group(1)))
    imported = _IMPORT.match(line)
    if imported:
        return _module_candidates(imported.group(1))
    match = _CHAIN.search(line)
    chain = match.group() if match else ""
    path, _, prefix = chain.rpartition(".")
    if path:
        value = lookup(path, namespace)
        return prefix, () if value is _MISSING else _members(value)
    if not prefix and match is not None and line[:match.start()].endswith("."):
        return "", ()  # of an expression, which is not run for this
    return prefix, [*namespace, *dir(builtins), *keyword.kwlist]


def _module_candidates(path: str) -> Tuple[str, Iterable[str]]:
    package, _, prefix = path.rpartition(".")
    if not package:
        found = {module.name for module in pkgutil.iter_modules()}
        return prefix, found | set(sys.builtin_module_names)
    module = sys.modules.get(package)
    search = getattr(module, "__path__", None)
    return prefix, [found.name for found in pkgutil.iter_modules(search)] if search else ()


def _members(value: Any) -> Iterable[str]:
    try:
        return [name for name in dir(value) if isinstance(name, str)]
    except Exception:  # a __dir__ of the user's
        return ()


def lookup(path: str, namespace: Dict[str, Any]) -> Any:
    """What a dotted path names, unless that takes running a property; then _MISSING."""
    first, *rest = path.split(".")
    value = namespace.get(first, getattr(builtins, first, _MISSING))
    for name in rest:
        if value is _MISSING:
            break
        value = _member(value, name)
    return value


def _member(value: Any, name: str) -> Any:
    try:
        member = inspect.getattr_static(value, name)
    except AttributeError:
        # A module's own __getattr__ only imports what it names.
        return getattr(value, name, _MISSING) if isinstance(value, types.ModuleType) else _MISSING
    if isinstance(member, _HARMLESS):
        return getattr(value, name, _MISSING)
    return _MISSING if hasattr(type(member), "__get__") else member


def inspect_at(code: str, cursor: int, detail: int, namespace: Dict[str, Any]) -> Optional[str]:
    """What is known of the name at the cursor, or of the function whose call it is in."""
    before = _before(code, cursor)
    after = re.match(r"\w*", code[len(before):])
    match = _CHAIN.search(before)
    path = (match.group() if match else "") + (after.group() if after else "")
    for candidate in (path.strip("."), _called(before)):
        value = lookup(candidate, namespace) if candidate else _MISSING
        if value is not _MISSING:
            return _describe(candidate, value, detail)
    return None


def _called(before: str) -> str:
    """The function whose parenthesis is open at the end of `before`."""
    depth = 0
    for index in range(len(before) - 1, -1, -1):
        if before[index] in ")]}":
            depth += 1
        elif before[index] in "([{":
            if depth == 0:
                match = _CHAIN.search(before[:index])
                return match.group() if match else ""
            depth -= 1
    return ""


def _describe(path: str, value: Any, detail: int) -> str:
    name = path.rpartition(".")[2]
    lines = [name + _signature(value) if callable(value) else
             "%s: %s" % (name, type(value).__name__)]
    if isinstance(value, (bool, int, float, str, bytes, type(None))):
        shown = repr(value)
        lines[0] += " = " + (shown if len(shown) <= 200 else shown[:200] + "...")
    try:
        documentation = inspect.getdoc(value) if callable(value) or _has_own_doc(value) else None
    except Exception:
        documentation = None
    if documentation:
        lines += ["", documentation]
    if detail:
        lines += _source(value)
    return "\n".join(lines)


def _has_own_doc(value: Any) -> bool:
    return inspect.ismodule(value) or not isinstance(value, (bool, int, float, str, bytes, list,
                                                             tuple, dict, set, type(None)))


def _signature(value: Any) -> str:
    try:
        return str(inspect.signature(value))
    except (TypeError, ValueError):
        return "(...)"


def _source(value: Any) -> List[str]:
    try:
        return ["", inspect.getsource(value).rstrip("\n")]
    except (OSError, TypeError):
        return []


_compiler = codeop.Compile()
_compiler.flags |= PyCF_ALLOW_TOP_LEVEL_AWAIT
_command = codeop.CommandCompiler()
_command.compiler = _compiler


def is_complete(code: str) -> Tuple[int, str]:
    """An oast_code_status, and the indentation of the next line."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            done = _command(code, "<input>", "exec") is not None
        except (SyntaxError, OverflowError, ValueError):
            return CODE_INVALID, ""
    lines = code.split("\n")
    last = lines[-1]
    in_block = len(lines) > 1 and last[:1] in (" ", "\t") and last.strip() != ""
    if done and not in_block and not lines[0].startswith("@"):
        return CODE_COMPLETE, ""
    if done and last.strip() == "":
        return CODE_COMPLETE, ""
    return CODE_INCOMPLETE, _indent(lines)


def _indent(lines: List[str]) -> str:
    last = next((line for line in reversed(lines) if line.strip()), "")
    indent = last[:len(last) - len(last.lstrip())]
    return indent + "    " if last.rstrip().endswith(":") else indent
