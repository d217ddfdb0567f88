"""Python values as pickles."""

from __future__ import annotations

import pickle
from typing import Any, Callable, List, Optional

try:
    import cloudpickle as _cloudpickle  # type: ignore[import]

    cloudpickle: Any = _cloudpickle
except ImportError:
    cloudpickle = None


def dumps(
    value: object, on_buffer: Optional[Callable[[pickle.PickleBuffer], object]]
) -> bytes:
    """A pickle whose large parts go to `on_buffer`, if there is one. By cloudpickle, if that is
    installed, for what pickle cannot do, and for what it would name by its place in __main__, which
    is another one in a worker."""
    buffers: List[pickle.PickleBuffer] = []
    keep = None if on_buffer is None else buffers.append
    try:
        data = pickle.dumps(value, protocol=5, buffer_callback=keep)
        if b"__main__" in data and cloudpickle is not None:
            raise pickle.PicklingError("not by reference")
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        if cloudpickle is None:
            raise TypeError(
                f"{value!r} cannot be pickled ({error}); with the package cloudpickle it may be"
            ) from None
        buffers.clear()
        data = cloudpickle.dumps(value, protocol=5, buffer_callback=keep)
    for buffer in buffers:
        if on_buffer is not None:
            on_buffer(buffer)
    return data

