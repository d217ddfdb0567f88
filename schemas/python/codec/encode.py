"""Python values as nodes, without copying their large parts.

None, bool, int of 64 bits, float, str, bytes, list, tuple and dict are plain values; complex
numbers, numpy's arrays and whatever else has the buffer protocol are tensors, but for a bytearray
and a memoryview of single bytes, which are bytes. All else is a pickle, where the policy allows it.
"""

from __future__ import annotations

import ctypes
import struct
import sys

from .memory import Pin, address_of
from .nodes import (BOOL, BOOL8, BYTES, COMPLEX128, DATA, ERROR, FLOAT64, FLOAT64_ITEMS, INT64,
                    INT64_ITEMS, LIST, MAP, NATIVE, NIL, NODE_SIZE, NODE_WORDS, PACKED, SHAPE,
                    STRING, TENSOR, dtype_of, write_failure)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple

    from .policy import Policy

# From so many items on lists of numbers are packed; for less, looking at their types takes longer
# than it saves.
PACKED_FROM = 16
# Less is copied to where the other small parts are.
_PIN_FROM = 4096
# From here on memory is lent to the library instead of copied by it.
LEND_FROM = 65536
# Tables of a message nest 64 deep: the message, its body, lists and maps, and what is in them.
MAX_DEPTH = 61
# Of all lists and dicts together, but for packed lists: as many tables as a message may have.
MAX_ITEMS = 4_000_000

_nil = struct.pack("<I68x", NIL)
_true, _false = struct.pack("<I4xq56x", BOOL, 1), struct.pack("<I4xq56x", BOOL, 0)
_int = struct.Struct("<I4xq56x").pack
_real = struct.Struct("<I12xd48x").pack
_data = struct.Struct("<I20xQQ32x").pack
_items = struct.Struct("<I36xQ24x").pack
_tensor = struct.Struct("<II16xQQQQ16x").pack
_native = struct.Struct("<I20xQQQ8xQ8x").pack
_failure = struct.Struct("<I60xQ").pack
_FORMAT = b"pickle5\0"
_FORMAT_ADDRESS = address_of(_FORMAT)


class Pickled:
    """A value to be sent as a pickle, whatever it is."""

    def __init__(self, value: object) -> None:
        self.value = value


class Encoder:
    """Values, one after the other, as `count` nodes in the buffer `nodes`. They and this object
    must live as long as they are read; when it `lends`, as long as the library keeps what it was
    lent."""

    def __init__(self, values: Sequence[object], policy: Policy) -> None:
        self.lends = False
        self._values = values
        self._policy = policy
        self._parts: List[bytes] = []  # a node each
        # What is copied, one after the other, and which words of the nodes point to it. Two lists,
        # as pairs would keep the garbage collector busy.
        self._small: List[bytes] = []
        self._small_at: List[int] = []
        self._shapes: List[int] = []
        self._shapes_at: List[Tuple[int, int]] = []  # word of the nodes, index of its first size
        self._pins: List[object] = []
        self._depth = 0
        self._items = 0
        for value in values:
            self._write(value)
        self.count = len(self._parts)
        self.nodes: Any = b"".join(self._parts)
        if self._small or self._shapes_at:
            self._place()

    @property
    def address(self) -> int:
        """Of the nodes."""
        return address_of(self.nodes)

    def _place(self) -> None:
        """Sets the pointers to small parts, which are in one piece: finding an address takes longer
        than all else."""
        nodes = bytearray(self.nodes)
        words = memoryview(nodes).cast("Q")
        joined = b"".join(self._small)
        address = address_of(joined)
        for word, data in zip(self._small_at, self._small):
            words[word] = address
            address += len(data)
        if self._shapes:
            from array import array
            shapes = array("q", self._shapes)
            address = shapes.buffer_info()[0]
            for word, index in self._shapes_at:
                words[word] = address + 8 * index
            self._pins.append(shapes)
        self.nodes = nodes
        self._pins.append(joined)

    def _write(self, value: Any) -> None:
        _WRITERS.get(type(value), Encoder._other)(self, value)

    def _none(self, _value: None) -> None:
        self._parts.append(_nil)

    def _bool(self, value: bool) -> None:
        self._parts.append(_true if value else _false)

    def _int(self, value: int) -> None:
        try:
            self._parts.append(_int(INT64, value))
        except struct.error:
            self._native(int(value))

    def _float(self, value: float) -> None:
        self._parts.append(_real(FLOAT64, value))

    def _complex(self, value: complex) -> None:
        self._tensor(COMPLEX128, (), struct.pack("<dd", value.real, value.imag))

    def _str(self, value: str) -> None:
        try:
            data = value.encode()
        except UnicodeEncodeError:
            self._native(str(value))
            return
        parts = self._parts
        self._small.append(data)
        self._small_at.append(len(parts) * NODE_WORDS + DATA)
        parts.append(_data(STRING, 0, len(data)))

    def _bytes(self, value: Any) -> None:
        """Of anything contiguous."""
        address, size = self._memory(value)
        self._parts.append(_data(BYTES, address, size))

    def _memory(self, value: Any) -> Tuple[int, int]:
        """Address and size of the data of the node that is added next. Small data is copied, and
        has its address later."""
        if type(value) is bytes:
            size = len(value)
        else:
            value = memoryview(value)
            size = value.nbytes
        if size < _PIN_FROM:
            self._small.append(value if type(value) is bytes else value.tobytes())
            self._small_at.append(len(self._parts) * NODE_WORDS + DATA)
            return 0, size
        pin = Pin(value)
        self._pins.append(pin)
        if size >= LEND_FROM:
            self.lends = True
        return pin.address, size

    def _enter(self, value: Any, items: int) -> None:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise self._policy.invalid(self._too_deep(value))
        self._items += items
        if self._items > MAX_ITEMS:
            raise self._policy.invalid(
                "cannot send a value of more than {:,} items that are not in lists of numbers of "
                "one type, where what it refers to twice counts twice; send it in parts"
                .format(MAX_ITEMS))

    def _too_deep(self, value: Any) -> str:
        from . import places  # seldom needed
        again = places.steps_to(value, value)
        place = places.place_of(self._values, value, again or ())
        if again is not None:
            return "cannot send %s: it contains itself" % place
        return "cannot send %s: nested more than %d deep" % (place, MAX_DEPTH)

    def _sequence(self, value: Any) -> None:
        size = len(value)
        if size >= PACKED_FROM and self._packed_list(value):
            return
        self._enter(value, size)
        self._parts.append(_items(LIST, size))
        writers, other = _WRITERS, Encoder._other
        for item in value:
            writers.get(type(item), other)(self, item)
        self._depth -= 1

    def _packed_list(self, value: Any) -> bool:
        """Writes a list of ints, floats or bools as one node; false when it is not that."""
        kinds = set(map(type, value))
        if len(kinds) != 1:
            return False
        dtype, data = _packed(kinds.pop(), value)
        if data is None:
            return False
        address, size = self._memory(data)
        self._parts.append(_tensor(PACKED, dtype, address, size, len(value), 0))
        return True

    def _dict(self, value: Dict[Any, Any]) -> None:
        self._enter(value, 2 * len(value))
        self._parts.append(_items(MAP, len(value)))
        writers, other = _WRITERS, Encoder._other
        for key, item in value.items():
            writers.get(type(key), other)(self, key)
            writers.get(type(item), other)(self, item)
        self._depth -= 1

    def _tensor(self, dtype: int, shape: Tuple[int, ...], data: Any) -> None:
        if shape:
            word = len(self._parts) * NODE_WORDS + SHAPE
            self._shapes_at.append((word, len(self._shapes)))
            self._shapes += shape
        address, size = self._memory(data)
        self._parts.append(_tensor(TENSOR, dtype, address, size, len(shape), 0))

    def _buffer(self, value: Any) -> None:
        view = memoryview(value)
        data = view if view.c_contiguous else view.tobytes()
        if view.ndim == 1 and view.format == "B" and isinstance(value, (memoryview, bytearray)):
            self._bytes(data)
            return
        dtype = dtype_of(view.format, view.itemsize)
        if dtype is None:
            self._native(value)
        else:
            self._tensor(dtype, view.shape or (), data)

    def _error(self, value: BaseException) -> None:
        view = write_failure(self._policy.describe(value))
        self._pins.append(view)
        self._parts.append(_failure(ERROR, ctypes.addressof(view)))

    def _native(self, value: Any) -> None:
        if self._policy.refuse is not None:
            raise self._policy.refuse(value)
        self._pickle(value)

    def _pickled(self, value: Pickled) -> None:
        self._pickle(value.value)

    def _pickle(self, value: Any) -> None:
        from . import pickling  # slow to import, and seldom needed
        try:
            data, buffers = pickling.dumps(value)
        except pickling.Unsendable as problem:
            from . import places
            raise TypeError(problem.explain(places.place_of(self._values, value))) from None
        address, size = self._memory(data)
        self._parts.append(_native(NATIVE, address, size, len(buffers), _FORMAT_ADDRESS))
        for buffer in buffers:
            self._bytes(buffer)

    def _other(self, value: Any) -> None:
        """What is of no plain type itself."""
        numpy: Any = sys.modules.get("numpy")
        if numpy is not None:
            if isinstance(value, numpy.ndarray):
                if type(value) in (numpy.ndarray, numpy.memmap):
                    self._array(numpy, value)
                else:  # a mask, say, would be lost
                    self._native(value)
                return
            if isinstance(value, numpy.generic):
                self._numpy_scalar(numpy, value)
                return
        if self._policy.exact:
            self._native(value)
            return
        for base in (int, float, str, bytes, list, tuple, dict, BaseException, bytearray):
            if isinstance(value, base):
                _WRITERS[base](self, value)
                return
        try:
            memoryview(value)
        except (TypeError, ValueError, BufferError):
            self._native(value)
        else:
            self._buffer(value)

    def _array(self, numpy: Any, value: Any) -> None:
        if value.dtype.kind not in "biufc" or value.dtype.itemsize > 16 or \
                (value.dtype.kind == "f" and value.dtype.itemsize > 8):
            self._native(value)
            return
        native_order = value.dtype.newbyteorder("=")
        self._buffer(numpy.asarray(value, dtype=native_order, order="C"))

    def _numpy_scalar(self, numpy: Any, value: Any) -> None:
        """As a plain value where there is one, which every language takes as a number."""
        if isinstance(value, numpy.bool_):
            self._bool(bool(value))
        elif isinstance(value, numpy.integer) and not isinstance(value, numpy.timedelta64):
            self._int(int(value))
        elif isinstance(value, numpy.floating) and value.dtype.itemsize <= 8:
            self._float(float(value))
        elif isinstance(value, numpy.complexfloating) and value.dtype.itemsize <= 16:
            self._array(numpy, numpy.asarray(value))
        elif isinstance(value, (str, bytes)) and not self._policy.exact:
            self._write(bytes(value) if isinstance(value, bytes) else str(value))
        else:  # as a buffer a date would be bytes
            self._native(value)


def _packed(kind: type, value: Sequence[Any]) -> Tuple[int, Any]:
    """The dtype and the data of a list of that type; no data when there is no such list."""
    if kind is bool:
        return BOOL8, bytes(value)
    if kind is not int and kind is not float:
        return 0, None
    from array import array
    try:
        return (INT64_ITEMS, array("q", value)) if kind is int \
            else (FLOAT64_ITEMS, array("d", value))
    except OverflowError:
        return 0, None


_WRITERS: Dict[type, Callable[[Encoder, Any], None]] = {
    type(None): Encoder._none, bool: Encoder._bool, int: Encoder._int, float: Encoder._float,
    complex: Encoder._complex, str: Encoder._str, bytes: Encoder._bytes, bytearray: Encoder._buffer,
    memoryview: Encoder._buffer, list: Encoder._sequence, tuple: Encoder._sequence,
    dict: Encoder._dict, Pickled: Encoder._pickled,
}
# For subclasses of these only: an exception itself is one.
_WRITERS[BaseException] = Encoder._error


def is_plain(value: Any) -> bool:
    """Whether it goes as a plain value where subclasses do, judged by its outside."""
    return type(value) in _WRITERS or isinstance(value, (int, float, str, bytes, list, tuple, dict))


def scalar_nodes(value: Any) -> Optional[bytes]:
    """The one node of None, a bool, a small int or a float; nothing for others. The fast path."""
    kind = type(value)
    if value is None:
        return _nil
    if kind is int:
        return _int(INT64, value) if -2**63 <= value < 2**63 else None
    if kind is float:
        return _real(FLOAT64, value)
    if kind is bool:
        return _true if value else _false
    return None


assert len(_nil) == NODE_SIZE
