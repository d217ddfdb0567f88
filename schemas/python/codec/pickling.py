"""Values of Python alone: pickles, as the format "pickle5".

Large buffers inside (numpy's, say) stay outside of the pickle and travel as they are. What is
defined in __main__ does not exist for the receiver, so it is pickled by value, with cloudpickle.
"""

from __future__ import annotations

import io
import pickle
from types import FunctionType, ModuleType

from .places import short

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, List, Sequence, Tuple


class Unsendable(Exception):
    """No pickle can carry `culprit`, a part of the value."""

    def __init__(self, culprit: Any, steps: str, reason: str) -> None:
        super().__init__(reason)
        self.culprit, self.steps, self.reason = culprit, steps, reason

    def explain(self, place: str) -> str:
        """In a sentence, of the value that is at that place."""
        if self.steps and place == "the value":
            place = "value"
        return "cannot send %s%s, a %s: %s" % (place, self.steps, type(self.culprit).__name__,
                                               self.reason)


class _ByReference(pickle.PicklingError):
    """The receiver could only look it up in a __main__ that it does not have."""


class _Pickler(pickle.Pickler):
    def reducer_override(self, value: Any) -> Any:
        if isinstance(value, (type, FunctionType)) and value.__module__ == "__main__":
            raise _ByReference("%s is defined in __main__" % value.__qualname__)
        return NotImplemented


def dumps(value: Any, out_of_band: bool = True) -> Tuple[bytes, List[memoryview]]:
    """The pickle of `value`, and its buffers unless they shall be in it. Raises Unsendable."""
    cloudpickle = None
    try:
        data, buffers = _dump(pickle.Pickler, value, out_of_band)
        if b"__main__" not in data:
            return data, buffers
        cloudpickle = _cloudpickle()
        if cloudpickle is None:  # perhaps it is only a text
            return _dump(_Pickler, value, out_of_band)
        reason = ""
    except Exception as error:  # anything may go wrong in a reducer
        reason = str(error)
        cloudpickle = _cloudpickle()
    if cloudpickle is not None:
        try:
            return _dump(cloudpickle.CloudPickler, value, out_of_band)
        except Exception as error:
            reason = str(error)
    culprit, steps = _culprit(value, cloudpickle)
    reason = reason.split("\n", 1)[0]
    if cloudpickle is None and _of_main(culprit):
        reason += "; install cloudpickle here to send what __main__ defines"
    raise Unsendable(culprit, steps, reason)


def loads(data: Any, buffers: Sequence[Any]) -> Any:
    return pickle.loads(data, buffers=buffers)


def _dump(pickler: Any, value: Any, out_of_band: bool) -> Tuple[bytes, List[memoryview]]:
    buffers: List[memoryview] = []

    def keep(buffer: pickle.PickleBuffer) -> bool:
        try:
            buffers.append(buffer.raw())
        except BufferError:  # not contiguous
            return True
        return False

    stream = io.BytesIO()
    pickler(stream, protocol=5, buffer_callback=keep if out_of_band else None).dump(value)
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
        _dump(cloudpickle.CloudPickler if cloudpickle is not None else _Pickler, value, True)
    except Exception:
        return False
    return True


def _culprit(value: Any, cloudpickle: Any) -> Tuple[Any, str]:
    """The innermost part of `value` that cannot be sent, and the way to it."""
    steps = ""
    for _ in range(10):
        for step, part in _parts(value):
            if not _sends(part, cloudpickle):
                steps += step
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
