"""Python values from oast_node arrays, without copying their large parts."""

from __future__ import annotations

import ctypes
import pickle
import struct
from typing import Any, List, Optional, Tuple

from . import _library, _structures
from ._handles import Room
from ._nodes import (
    BOOL, BYTES, DTYPE_BOOL8, DTYPE_INT64, DTYPES, ERROR, FLOAT64, INT64, LIST, MAP, NATIVE, NIL,
    NODE, PACKED, STRING, TENSOR,
)
from .errors import InvalidError, NativeValueError, error_of


def decode(memory: Room, value: _structures.Value, trust: bool) -> Any:
    """The value of a future, whose memory it may keep."""
    return _Decoder(memory, trust).decode(value)


class _Decoder:
    def __init__(self, memory: Room, trust: bool) -> None:
        self._memory = memory
        self._trust = trust
        self._nodes = b""
        self._at = 0  # of the next node, in nodes

    def decode(self, value: _structures.Value) -> Any:
        if not value.count:
            return None
        self._nodes = _structures.bytes_at(value.nodes, value.count * NODE.size)
        self._at = 0
        return self._next()

    def _take(self) -> Tuple[Any, ...]:
        self._at += 1
        return NODE.unpack_from(self._nodes, (self._at - 1) * NODE.size)

    def _next(self) -> Any:
        kind, dtype, integer, real, data, size, count, shape, form, failure = self._take()
        if kind == INT64:
            return integer
        if kind == FLOAT64:
            return real
        if kind == STRING:
            return _structures.bytes_at(data, size).decode()
        if kind == LIST:
            return [self._next() for _ in range(count)]
        if kind == PACKED:
            return self._packed_list(dtype, data, size)
        if kind == MAP:
            return dict([(_as_key(self._next()), self._next()) for _ in range(count)])
        if kind == NIL:
            return None
        if kind == BOOL:
            return bool(integer)
        if kind == BYTES:
            return _structures.bytes_at(data, size)
        if kind == TENSOR:
            return self._tensor(dtype, shape, count, data, size)
        if kind == NATIVE:
            return self._native(form, data, size, count)
        if kind == ERROR:
            view = _structures.FailureView.from_address(failure)
            return error_of(_library.read_failure(view))
        raise InvalidError(f"there is no kind {kind} of value")

    def _packed_list(self, dtype: int, data: int, size: int) -> List[Any]:
        if not size:
            return []
        view = memoryview((ctypes.c_char * size).from_address(data)).cast("B")
        if dtype == DTYPE_BOOL8:
            return list(map(bool, view))
        return view.cast("q" if dtype == DTYPE_INT64 else "d").tolist()

    def _view(self, data: int, size: int) -> Any:
        """Bytes that keep the memory of the future."""
        if not size:
            return b""
        array: Any = (ctypes.c_char * size).from_address(data)
        array.keeps = self._memory
        return memoryview(array).toreadonly()

    def _tensor(self, dtype: int, shape: int, dimensions: int, data: int, size: int) -> Any:
        sizes = struct.unpack(f"@{dimensions}q", ctypes.string_at(shape, dimensions * 8))
        view = self._view(data, size)
        name, code = DTYPES[dtype]
        numpy = _numpy()
        if numpy is None:
            return _plain_tensor(view, code, sizes)
        array = numpy.frombuffer(view, dtype=name).reshape(sizes)
        return array if sizes else array[()]

    def _native(self, form: int, data: int, size: int, count: int) -> Any:
        views = []
        for _ in range(count):
            node = self._take()
            views.append(self._view(node[4], node[5]))
        name = ctypes.string_at(form).decode()
        if name != "pickle5":
            raise NativeValueError(
                f"the value came as {name}, which Python cannot read; "
                "let the code return portable values"
            )
        if not self._trust:
            raise NativeValueError(
                "the value came as a pickle, being of a type that only Python has (such as an int "
                "of more than 64 bits, a set or an object), "
                "and reading one runs code that the worker chose; "
                "start the worker with trust=True to allow that, "
                "or let the code return portable values"
            )
        return pickle.loads(self._view(data, size), buffers=views)


def _numpy() -> Any:
    try:
        import numpy
    except ImportError:
        return None
    return numpy


def _plain_tensor(view: Any, code: Optional[str], sizes: Tuple[int, ...]) -> Any:
    if code is None:
        if sizes:
            raise InvalidError("a tensor of complex numbers needs numpy, which is not installed")
        return complex(*struct.unpack("<ff" if len(view) == 8 else "<dd", view))
    if not sizes:
        return struct.unpack(f"<{code}", view)[0]
    if 0 in sizes:
        return memoryview(b"").cast("B").cast(code)
    return memoryview(view).cast("B").cast(code, sizes)


def _as_key(key: Any) -> Any:
    """A key of a map, which a dict wants hashable."""
    if isinstance(key, list):
        return tuple(_as_key(item) for item in key)
    if isinstance(key, dict) or not _hashable(key):
        raise InvalidError(f"{type(key).__name__} cannot be a key of a dict")
    return key


def _hashable(value: object) -> bool:
    try:
        hash(value)
    except TypeError:
        return False
    return True


