"""Values of Python alone: pickles, as the format "pickle5".

Large buffers inside (numpy's, say) stay outside of the pickle and travel as they are. What is
defined in __main__ does not exist for the receiver, so it is pickled by value, with cloudpickle.
"""

import io
import pickle
from types import FunctionType, ModuleType
from typing import Any, List, Sequence, Tuple


class _Unsendable(Exception):
    """Plain pickling cannot carry this."""


class _Pickler(pickle.Pickler):
    """Refuses what the receiver could only look up in a __main__ that it does not have."""

    def reducer_override(self, value: Any) -> Any:
        if isinstance(value, (type, FunctionType)) and value.__module__ == "__main__":
            raise _Unsendable("%s is defined in __main__" % value.__qualname__)
        return NotImplemented


def dump(value: Any, path: Sequence[Any] = ()) -> Tuple[bytes, List[memoryview]]:
    """The pickle of `value` and its buffers. Raises TypeError that says what cannot be sent, where
    it is (below `path`), and what to do."""
    try:
        return _dump(_Pickler, value)
    except Exception as error:  # anything may go wrong in a reducer
        reason = error
    cloudpickle = _cloudpickle()
    if cloudpickle is not None:
        try:
            return _dump(cloudpickle.CloudPickler, value)
        except Exception as error:
            reason = error
    culprit, steps = _culprit(value, cloudpickle)
    place = "".join(["[%s]" % short(step) for step in path] + steps)
    hint = ""
    if cloudpickle is None and _of_main(culprit):
        hint = "; install cloudpickle in this kernel's Python to send what __main__ defines"
    raise TypeError("cannot send %s, a %s: %s%s" % (
        "value" + place if place else "the value", type(culprit).__name__,
        str(reason).split("\n", 1)[0], hint)) from None


def _dump(pickler: Any, value: Any) -> Tuple[bytes, List[memoryview]]:
    buffers: List[memoryview] = []

    def keep(buffer: pickle.PickleBuffer) -> bool:
        try:
            buffers.append(buffer.raw())
        except BufferError:  # not contiguous
            return True
        return False

    stream = io.BytesIO()
    pickler(stream, protocol=5, buffer_callback=keep).dump(value)
    return stream.getvalue(), buffers


def _cloudpickle() -> Any:
    try:
        import cloudpickle  # type: ignore[import]
    except ImportError:
        return None
    return cloudpickle


def _of_main(value: Any) -> bool:
    return "__main__" in (getattr(value, "__module__", ""), type(value).__module__)


def _sends(value: Any, cloudpickle: Any) -> bool:
    try:
        _dump(cloudpickle.CloudPickler if cloudpickle is not None else _Pickler, value)
    except Exception:
        return False
    return True


def _culprit(value: Any, cloudpickle: Any) -> Tuple[Any, List[str]]:
    """The innermost part of `value` that cannot be sent, and the way to it."""
    steps: List[str] = []
    for _ in range(10):
        for step, part in _parts(value):
            if not _sends(part, cloudpickle):
                steps.append(step)
                value = part
                break
        else:
            break
    return value, steps


def _parts(value: Any) -> List[Tuple[str, Any]]:
    if isinstance(value, dict):
        return [("[%s]" % short(key), part) for key, part in list(value.items())[:1000]]
    if isinstance(value, (list, tuple)):
        return [("[%d]" % index, part) for index, part in enumerate(value[:1000])]
    if isinstance(value, (type, ModuleType, FunctionType)):
        return []
    members = getattr(value, "__dict__", None)
    return [("." + name, part) for name, part in members.items()] if members else []


def short(key: Any) -> str:
    """A key as a person recognizes it."""
    try:
        shown = repr(key)
    except Exception:
        shown = "<%s>" % type(key).__name__
    return shown if len(shown) <= 40 else shown[:37] + "..."


def load(data: Any, buffers: Sequence[Any]) -> Any:
    return pickle.loads(data, buffers=buffers)
