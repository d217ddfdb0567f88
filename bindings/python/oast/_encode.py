"""Python values as oast_node arrays, without copying their large parts."""

from __future__ import annotations

import array
import ctypes
import pickle
import struct
import sys
from typing import Any, Callable, Dict, List, Sequence, Tuple

from . import _library, _structures
from ._handles import new_method
from ._nodes import (
    BOOL, BYTES, DTYPE_BOOL8, DTYPE_FLOAT64, DTYPE_INT64, DTYPES, ERROR, FLOAT64, INT64, LIST, MAP,
    NATIVE, NIL, NODE, PACKED, STRING, TENSOR,
)
from ._pickling import dumps
from .errors import InvalidError

_DTYPE_OF_NAME = {name: number for number, (name, _) in enumerate(DTYPES)}
_DTYPE_OF_FORMAT = {code: number for number, (_, code) in enumerate(DTYPES) if code}
_DTYPE_OF_FORMAT.update({"c": 2, "l": 7, "L": 8, "Zf": 12, "Zd": 13})
_LEAST, _MOST = -(1 << 63), (1 << 63) - 1  # of int64

_LEND_FROM = 4096  # bytes; less is copied
_DEEPEST = 64
_MOST_ITEMS = 4_000_000  # of all dicts and lists together, but for lists of numbers of one type
_PACKED_FROM = 16  # items; for less, looking at their types takes longer than it saves
_PICKLE = b"pickle5\0"


class _PyBuffer(ctypes.Structure):
    """Py_buffer of the stable ABI."""

    _fields_ = [
        ("buf", ctypes.c_void_p),
        ("obj", ctypes.c_void_p),
        ("len", ctypes.c_ssize_t),
        ("itemsize", ctypes.c_ssize_t),
        ("readonly", ctypes.c_int),
        ("ndim", ctypes.c_int),
        ("format", ctypes.c_char_p),
        ("shape", ctypes.POINTER(ctypes.c_ssize_t)),
        ("strides", ctypes.POINTER(ctypes.c_ssize_t)),
        ("suboffsets", ctypes.POINTER(ctypes.c_ssize_t)),
        ("internal", ctypes.c_void_p),
    ]


# Not ctypes.pythonapi, whose functions are everybody's, with the types that the last one declared.
_python = ctypes.PyDLL(None)
_get_buffer = _python.PyObject_GetBuffer
_get_buffer.argtypes = [ctypes.py_object, ctypes.POINTER(_PyBuffer), ctypes.c_int]
_get_buffer.restype = ctypes.c_int
_release_buffer = _python.PyBuffer_Release
_release_buffer.argtypes = [ctypes.POINTER(_PyBuffer)]
_release_buffer.restype = None
# Without bytecode, between which Ctrl-C could come; of an empty one it does nothing.
_PyBuffer.__del__ = new_method(_release_buffer)  # type: ignore[attr-defined]
_SIMPLE = 0


class _Pin:
    """Keeps the memory of a contiguous object where it is; its address and size."""

    def __init__(self, exporter: object) -> None:
        self._view = _PyBuffer()
        _get_buffer(exporter, ctypes.byref(self._view), _SIMPLE)
        self.address: int = self._view.buf or 0
        self.size: int = self._view.len


class Pickled:
    """A value to be sent as a pickle, whatever it is."""

    def __init__(self, value: object) -> None:
        self.value = value


class Encoded:
    """Values as nodes. `nodes` and what they point to are valid as long as this object."""

    def __init__(self, values: Sequence[object], trust: bool) -> None:
        self._trust = trust
        self._rows: List[List[Any]] = []  # of each node its fields
        self._small: List[bytes] = []  # what is copied, one after the other
        self._small_size = 0
        self._small_of: List[Tuple[int, int, int]] = []  # row, column, offset
        self._depth = 0
        self._items = 0
        self.pins: List[object] = []  # what is lent
        for value in values:
            self._add(value)
        blob = b"".join(self._small)
        base = ctypes.cast(ctypes.c_char_p(blob), ctypes.c_void_p).value or 0
        for row, column, offset in self._small_of:
            self._rows[row][column] = base + offset
        pack = NODE.pack
        packed = bytearray().join([pack(*row) for row in self._rows])
        self._blob = blob
        self._packed = (ctypes.c_char * len(packed)).from_buffer(packed)
        self.nodes = _structures.Value(ctypes.addressof(self._packed), len(packed) // NODE.size)

    def _row(self, kind: int, integer: int = 0, real: float = 0.0, count: int = 0) -> List[Any]:
        row = [kind, 0, integer, real, 0, 0, count, 0, 0, 0]
        self._rows.append(row)
        return row

    def _point(self, column: int, data: bytes) -> None:
        """Lets the last row's pointer there point to a copy of the data."""
        self._small_of.append((len(self._rows) - 1, column, self._small_size))
        self._small.append(data)
        self._small_size += len(data)

    def _text(self, kind: int, data: bytes) -> None:
        self._row(kind)[5] = len(data)
        self._point(4, data)

    def _data(self, row: List[Any], exporter: Any) -> None:
        """Sets the data of the last row, to be lent when it is large."""
        view = memoryview(exporter)
        row[5] = view.nbytes
        if view.nbytes < _LEND_FROM:
            self._point(4, view.tobytes())
            return
        pin = _Pin(exporter if view.c_contiguous else view.tobytes())
        self.pins.append(pin)
        row[4] = pin.address

    def _add(self, value: Any) -> None:
        add = _ADD.get(type(value))
        if add is None:
            self._add_other(value)
        else:
            add(self, value)

    def _nil(self, _value: None) -> None:
        self._row(NIL)

    def _bool(self, value: bool) -> None:
        self._row(BOOL, integer=int(value))

    def _int(self, value: int) -> None:
        if _LEAST <= value <= _MOST:
            self._row(INT64, integer=int(value))
        elif self._trust:
            self._native(value)
        else:
            raise OverflowError(
                f"an int of {value.bit_length()} bits and its sign does not fit 64 bits, "
                "so only a worker started with trust=True takes it"
            )

    def _float(self, value: float) -> None:
        self._row(FLOAT64, real=value)

    def _str(self, value: str) -> None:
        self._text(STRING, value.encode())

    def _bytes(self, value: bytes) -> None:
        self._data(self._row(BYTES), value)

    def _enter(self, items: int) -> None:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise InvalidError("the value is nested deeper than 64, or contains itself")
        self._items += items
        if self._items > _MOST_ITEMS:
            raise InvalidError(
                f"the value has more than {_MOST_ITEMS:,} items that are not in lists of numbers "
                "of one type, where what it refers to twice counts twice; send it in parts"
            )

    def _list(self, value: Sequence[object]) -> None:
        if len(value) >= _PACKED_FROM and self._packed_list(value):
            return
        self._enter(len(value))
        self._row(LIST, count=len(value))
        for item in value:
            self._add(item)
        self._depth -= 1

    def _packed_list(self, value: Sequence[Any]) -> bool:
        """Adds a list of ints, floats or bools as one node; false when it is not that."""
        kinds = set(map(type, value))
        dtype, pack = _PACKED.get(kinds.pop(), (0, None))
        if kinds or pack is None:
            return False
        try:
            data = pack(value)
        except OverflowError:
            return False
        row = self._row(PACKED, count=len(value))
        row[1] = dtype
        self._data(row, data)
        return True

    def _dict(self, value: Dict[object, object]) -> None:
        self._enter(2 * len(value))
        self._row(MAP, count=len(value))
        for key, item in value.items():
            self._add(key)
            self._add(item)
        self._depth -= 1

    def _tensor(self, dtype: int, shape: Sequence[int], exporter: object) -> None:
        row = self._row(TENSOR, count=len(shape))
        row[1] = dtype
        if shape:
            pad = -self._small_size % 8  # of the blob, which malloc aligned
            self._small.append(b"\0" * pad)
            self._small_size += pad
            self._point(7, struct.pack(f"@{len(shape)}q", *shape))
        self._data(row, exporter)

    def _error(self, error: BaseException) -> None:
        # As data it has no traceback of its own.
        self._row(ERROR)
        message, name = str(error).encode(), type(error).__name__.encode()
        view = _structures.FailureView(
            status=1, message=_library.text_of(message), type=_library.text_of(name)
        )
        self.pins.extend((view, message, name))
        self._rows[-1][9] = ctypes.addressof(view)

    def _native(self, value: object) -> None:
        buffers: List[pickle.PickleBuffer] = []
        data = dumps(value, buffers.append)
        row = self._row(NATIVE, count=len(buffers))
        self._point(8, _PICKLE)
        self._data(row, data)
        for buffer in buffers:
            self._data(self._row(BYTES), buffer.raw())

    def _add_other(self, value: Any) -> None:
        numpy = sys.modules.get("numpy")
        if isinstance(value, Pickled):
            self._native(value.value)
        elif numpy is not None and type(value) in (numpy.ndarray, numpy.memmap):
            self._numpy(numpy, value)
        elif numpy is not None and isinstance(value, numpy.generic):
            self._numpy_scalar(numpy, value)
        elif self._trust:
            self._native(value)
        elif numpy is not None and isinstance(value, numpy.ndarray):
            raise TypeError(
                f"{_name_of(value)} is more than a plain array, like a mask, which would be lost; "
                "only a worker started with trust=True takes it, as a pickle; "
                "or send numpy.asarray(it)"
            )
        else:
            self._add_portable(value)

    def _numpy(self, numpy: Any, value: Any) -> None:
        array = numpy.asarray(value)
        dtype = _DTYPE_OF_NAME.get(array.dtype.name)
        if dtype is None:
            if not self._trust:
                raise TypeError(
                    f"arrays of {array.dtype} are no portable values; "
                    "only a worker started with trust=True takes them"
                )
            self._native(value)
            return
        if array.dtype.byteorder == ">":
            array = array.astype(array.dtype.newbyteorder("<"))
        self._tensor(dtype, array.shape, numpy.ascontiguousarray(array).reshape(-1))

    def _numpy_scalar(self, numpy: Any, value: Any) -> None:
        """As a plain value where there is one, which every language takes as a number."""
        if isinstance(value, numpy.bool_):
            self._bool(bool(value))
        elif isinstance(value, numpy.integer) and not isinstance(value, numpy.timedelta64):
            self._int(int(value))
        elif isinstance(value, numpy.floating) and value.dtype.itemsize <= 8:
            self._float(float(value))
        elif isinstance(value, numpy.complexfloating) and value.dtype.itemsize <= 16:
            self._numpy(numpy, numpy.asarray(value))
        elif self._trust:
            self._native(value)
        elif isinstance(value, (str, bytes)):
            self._add_portable(value)
        else:  # as a buffer a date would be bytes
            raise _not_portable(value)

    def _add_portable(self, value: Any) -> None:
        """What is nearly a portable value, for a worker that does not know Python's own."""
        for base, add in _BASES:
            if isinstance(value, base):
                add(self, value)
                return
        try:
            view = memoryview(value)
        except (TypeError, ValueError, BufferError):
            raise _not_portable(value) from None
        code = view.format.lstrip("@=<") if view.format else "B"
        dtype = _DTYPE_OF_FORMAT.get(code)
        if dtype is None:
            raise TypeError(f"a buffer of items {view.format!r} is no portable value")
        self._tensor(dtype, view.shape or (), view if view.c_contiguous else view.tobytes())


def _name_of(value: object) -> str:
    return f"{type(value).__module__}.{type(value).__qualname__}"


def _not_portable(value: object) -> TypeError:
    return TypeError(
        f"{_name_of(value)} is no portable value; "
        "only a worker started with trust=True takes it, as a pickle"
    )


# Of packed lists, by the type of the items: the dtype, and what makes the data.
_PACKED: Dict[type, Tuple[int, Callable[[Sequence[Any]], Any]]] = {
    bool: (DTYPE_BOOL8, bytes),
    int: (DTYPE_INT64, lambda items: array.array("q", items)),
    float: (DTYPE_FLOAT64, lambda items: array.array("d", items)),
}
_ADD: Dict[type, Callable[[Encoded, Any], None]] = {
    type(None): Encoded._nil,
    bool: Encoded._bool,
    int: Encoded._int,
    float: Encoded._float,
    str: Encoded._str,
    bytes: Encoded._bytes,
    list: Encoded._list,
    tuple: Encoded._list,
    dict: Encoded._dict,
}
_BASES: Tuple[Tuple[Any, Callable[[Encoded, Any], None]], ...] = (
    (int, Encoded._int),
    (float, Encoded._float),
    (str, Encoded._str),
    ((bytes, bytearray), Encoded._bytes),
    ((list, tuple), Encoded._list),
    (dict, Encoded._dict),
    (BaseException, Encoded._error),
)
_ADD[bytearray] = Encoded._bytes
_ADD[memoryview] = Encoded._add_portable
