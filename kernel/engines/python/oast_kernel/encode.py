"""Python values as the nodes of oast_value.h.

Plain values cross every language: None, bool, int of 64 bits, float, str, bytes, list, tuple, dict,
exceptions, and as tensors whatever has the buffer protocol. Everything else goes as *native*, a
pickle, which only Python can read.
"""

from __future__ import annotations

import ctypes
import struct
import sys

from . import tracebacks
from .library import Failure, Text, address_of, text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, List, Optional, Set, Tuple

(NIL, BOOL, INT64, FLOAT64, STRING, BYTES, LIST, MAP, TENSOR, ERROR, NATIVE, PACKED) = range(12)
DTYPE_BOOL8, DTYPE_INT64, DTYPE_FLOAT64 = 0, 7, 11  # of packed lists
# From so many items on lists of numbers are packed.
PACKED_FROM = 16
NODE_SIZE = 72
NODE_WORDS = 9
# Tables of the wire nest no deeper than 64, and some are around the value.
MAX_DEPTH = 58
# From here on memory is lent to the library instead of copied by it.
LENT_SIZE = 65536

_nil = struct.pack("<I68x", NIL)
_scalar = struct.Struct("<I4xq56x").pack
_real = struct.Struct("<I12xd48x").pack
_data = struct.Struct("<I20xQQ32x").pack
_items = struct.Struct("<I36xQ24x").pack
_tensor = struct.Struct("<II16xQQQQ16x").pack
_native = struct.Struct("<I20xQQQ8xQ8x").pack
_failure = struct.Struct("<I60xQ").pack
_FORMAT = b"pickle5\0"

_FLOATS = {"e": 9, "f": 10, "d": 11, "Zf": 12, "Zd": 13}
_INTEGERS = {("i", 1): 1, ("u", 1): 2, ("i", 2): 3, ("u", 2): 4, ("i", 4): 5, ("u", 4): 6,
             ("i", 8): 7, ("u", 8): 8}


def dtype_of(view: memoryview) -> Optional[int]:
    """The oast_dtype of a buffer's items; nothing when they have none."""
    code = view.format
    if code[:1] in ("<", "=", "@"):
        code = code[1:]
    if code == "?":
        return 0
    if code in _FLOATS:
        return _FLOATS[code]
    if code in ("b", "h", "i", "l", "q", "n"):
        return _INTEGERS.get(("i", view.itemsize))
    if code in ("B", "H", "I", "L", "Q", "N"):
        return _INTEGERS.get(("u", view.itemsize))
    return None


class NotPortable(TypeError):
    """Only Python could read this."""


class Encoder:
    """Encodes one value; with `portable` it raises NotPortable where it would need a pickle.
    `nodes` and `count` are the value; they and `held` must live as long as they are read, and as
    long as the library was lent memory when `lends`."""

    def __init__(self, value: Any, portable: bool = False) -> None:
        self.held: List[Any] = []
        self._portable = portable
        self.lends = False
        self._parts: List[bytes] = []
        self._path: List[Any] = []
        self._open: Set[int] = set()
        self._texts: List[bytes] = []
        self._text_parts: List[int] = []  # where their nodes come
        self._write(value)
        self._write_texts()
        self.nodes = b"".join(self._parts)
        self.count = len(self.nodes) // NODE_SIZE

    def _write(self, value: Any) -> None:
        writer = _WRITERS.get(type(value))
        if writer is None:
            writer = self._writer_of(value)
        writer(self, value)

    @staticmethod
    def _writer_of(value: Any) -> Callable[["Encoder", Any], None]:
        """For what is of no plain type itself."""
        numpy = sys.modules.get("numpy")
        if numpy is not None:
            if isinstance(value, numpy.ndarray):
                plain = type(value) in (numpy.ndarray, numpy.memmap)
                return Encoder._array if plain else Encoder._native
            if isinstance(value, numpy.generic):
                return Encoder._numpy_scalar
        for kind in (int, float, str, bytes, list, tuple, dict, BaseException):
            if isinstance(value, kind):
                return _WRITERS[kind]
        try:
            memoryview(value)
        except (TypeError, ValueError, BufferError):
            return Encoder._native
        return Encoder._buffer

    def _none(self, _value: None) -> None:
        self._parts.append(_nil)

    def _bool(self, value: bool) -> None:
        self._parts.append(_scalar(BOOL, value))

    def _int(self, value: int) -> None:
        try:
            self._parts.append(_scalar(INT64, value))
        except struct.error:
            self._native(int(value))

    def _float(self, value: float) -> None:
        self._parts.append(_real(FLOAT64, value))

    def _complex(self, value: complex) -> None:
        self._tensor(13, (), struct.pack("<dd", value.real, value.imag), 16)

    def _str(self, value: str) -> None:
        try:
            data = value.encode()
        except UnicodeEncodeError:
            self._native(str(value))
            return
        self._texts.append(data)
        self._text_parts.append(len(self._parts))
        self._parts.append(b"")

    def _write_texts(self) -> None:
        """All texts are in one buffer, as finding an address takes longer than the rest."""
        joined = b"".join(self._texts)
        address = self._address(joined, len(joined))
        parts = self._parts
        for part, data in zip(self._text_parts, self._texts):
            size = len(data)
            parts[part] = _data(STRING, address, size)
            address += size

    def _bytes(self, value: Any) -> None:
        size = len(value)
        self._parts.append(_data(BYTES, self._address(value, size), size))

    def _address(self, buffer: Any, size: int) -> int:
        """The address of a contiguous buffer, which is held from now on."""
        if not size:
            return 0
        if type(buffer) is not bytes:
            buffer = memoryview(buffer)
        self.held.append(buffer)
        if size >= LENT_SIZE:
            self.lends = True
        return address_of(buffer) or 0

    def _enter(self, value: Any) -> None:
        if id(value) in self._open:
            raise TypeError("cannot send %s: it contains itself" % self._place())
        if len(self._path) >= MAX_DEPTH:
            raise TypeError("cannot send %s: nested more than %d deep"
                            % (self._place(), MAX_DEPTH))
        self._open.add(id(value))

    def _place(self) -> str:
        if not self._path:
            return "the value"
        from . import native
        return "value" + "".join("[%s]" % native.short(step) for step in self._path)

    def _sequence(self, value: Any) -> None:
        size = len(value)
        if size >= PACKED_FROM and self._packed_list(value):
            return
        self._enter(value)
        self._parts.append(_items(LIST, size))
        path = self._path
        path.append(0)
        write, writers = self._write, _WRITERS
        for index, item in enumerate(value):
            path[-1] = index
            writer = writers.get(type(item))
            if writer is None:
                write(item)
            else:
                writer(self, item)
        path.pop()
        self._open.discard(id(value))

    def _packed_list(self, value: Any) -> bool:
        """Writes a list of ints, floats or bools as one node; false when it is not that."""
        from array import array
        kinds = set(map(type, value))
        data: Any
        try:
            if kinds == {int}:
                dtype, data = DTYPE_INT64, array("q", value)
            elif kinds == {float}:
                dtype, data = DTYPE_FLOAT64, array("d", value)
            elif kinds == {bool}:
                dtype, data = DTYPE_BOOL8, bytes(value)
            else:
                return False
        except OverflowError:
            return False
        size = len(data) * (1 if dtype == DTYPE_BOOL8 else 8)
        self._parts.append(_tensor(PACKED, dtype, self._address(data, size), size, len(value), 0))
        return True

    def _dict(self, value: Dict[Any, Any]) -> None:
        self._enter(value)
        self._parts.append(_items(MAP, len(value)))
        path = self._path
        path.append(None)
        for key, item in value.items():
            path[-1] = key
            self._write(key)
            self._write(item)
        path.pop()
        self._open.discard(id(value))

    def _array(self, value: Any) -> None:
        """A numpy array, whose module is imported."""
        numpy = sys.modules["numpy"]
        if value.dtype.kind not in "biufc" or value.dtype.itemsize > 16 or \
                (value.dtype.kind == "f" and value.dtype.itemsize > 8):
            self._native(value)
            return
        native_order = value.dtype.newbyteorder("=")
        self._buffer(numpy.asarray(value, dtype=native_order, order="C"))

    def _numpy_scalar(self, value: Any) -> None:
        numpy: Any = sys.modules["numpy"]
        if isinstance(value, numpy.bool_):
            self._bool(bool(value))
        elif isinstance(value, numpy.integer) and not isinstance(value, numpy.timedelta64):
            self._int(int(value))
        elif isinstance(value, numpy.floating) and value.dtype.itemsize <= 8:
            self._float(float(value))
        elif isinstance(value, numpy.complexfloating) and value.dtype.itemsize <= 16:
            self._buffer(numpy.asarray(value))
        elif isinstance(value, (str, bytes)):
            self._write(bytes(value) if isinstance(value, bytes) else str(value))
        else:
            self._native(value)

    def _buffer(self, value: Any) -> None:
        view = memoryview(value)
        if view.ndim == 1 and view.format == "B" and isinstance(value, (memoryview, bytearray)):
            self._bytes(view if view.c_contiguous else view.tobytes())
            return
        dtype = dtype_of(view)
        if dtype is None:
            self._native(value)
            return
        data = view if view.c_contiguous else view.tobytes()
        self._tensor(dtype, view.shape or (), data, view.nbytes)

    def _tensor(self, dtype: int, shape: Tuple[int, ...], data: Any, size: int) -> None:
        from array import array
        sizes = array("q", shape)
        self.held.append(sizes)
        self._parts.append(_tensor(TENSOR, dtype, self._address(data, size), size, len(shape),
                                   sizes.buffer_info()[0]))

    def _error(self, value: BaseException) -> None:
        record, held = failure_of(tracebacks.Report(value))
        self.held += [record, held]
        self._parts.append(_failure(ERROR, ctypes.addressof(record)))

    def _native(self, value: Any) -> None:
        if self._portable:
            raise NotPortable
        from . import native  # slow to import, and seldom needed
        data, buffers = native.dump(value, self._path)
        self._parts.append(_native(NATIVE, self._address(data, len(data)), len(data), len(buffers),
                                   address_of(_FORMAT)))
        for buffer in buffers:
            self._bytes(buffer)


_WRITERS: Dict[type, Callable[[Encoder, Any], None]] = {
    type(None): Encoder._none, bool: Encoder._bool, int: Encoder._int, float: Encoder._float,
    complex: Encoder._complex, str: Encoder._str, bytes: Encoder._bytes, bytearray: Encoder._buffer,
    memoryview: Encoder._buffer, list: Encoder._sequence, tuple: Encoder._sequence,
    dict: Encoder._dict, BaseException: Encoder._error,
}


def failure_of(report: "tracebacks.Report", status: int = 1) -> Tuple[Failure, Any]:
    """An oast_failure, and what must live as long."""
    lines = (Text * len(report.lines))(*map(text, report.lines))
    record = Failure(status, text(report.message), text(report.type), lines, len(report.lines),
                     None)
    return record, lines


def is_plain(value: Any) -> bool:
    """Whether it goes as a plain value, judged by its outside."""
    return type(value) in _WRITERS or isinstance(value, (int, float, str, bytes, list, tuple, dict))


def scalar_nodes(value: Any) -> Optional[bytes]:
    """The one node of None, a bool, a small int or a float; nothing for others. The fast path."""
    kind = type(value)
    if value is None:
        return _nil
    if kind is int:
        return _scalar(INT64, value) if -2**63 <= value < 2**63 else None
    if kind is float:
        return _real(FLOAT64, value)
    if kind is bool:
        return _scalar(BOOL, value)
    return None
