"""Where in a value something is, for messages about it."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Iterable, List, Optional, Sequence, Tuple


def place_of(values: Sequence[Any], part: Any, below: Tuple[Any, ...] = ()) -> str:
    """"value[2]['name']", of one value; of several "value 3[2]". `below` are steps down from the
    part."""
    for number, value in enumerate(values, 1):
        steps = () if value is part else steps_to(value, part)
        if steps is not None:
            steps += below
            one = len(values) == 1
            if one and not steps:
                return "the value"
            return ("value" if one else "value %d" % number) + \
                "".join("[%s]" % short(step) for step in steps)
    return "a part of the value"  # which changed meanwhile


def steps_to(value: Any, part: Any) -> Optional[Tuple[Any, ...]]:
    """The indices and keys that lead down to that very object; None when none do."""
    found: List[Tuple[Any, Tuple[Any, ...]]] = [(value, ())]
    seen = {id(value)}
    for holder, steps in found:  # which grows meanwhile
        for step, item in _items(holder):
            if item is part:
                return steps + (step,)
            if isinstance(item, (list, tuple, dict)) and id(item) not in seen:
                seen.add(id(item))
                found.append((item, steps + (step,)))
    return None


def _items(value: Any) -> Iterable[Tuple[Any, Any]]:
    if isinstance(value, dict):
        return list(value.items()) + [(key, key) for key in value]
    return enumerate(value) if isinstance(value, (list, tuple)) else ()


def short(key: Any) -> str:
    """A key as a person recognizes it."""
    try:
        shown = repr(key)
    except Exception:
        shown = "<%s>" % type(key).__name__
    return shown if len(shown) <= 40 else shown[:37] + "..."
