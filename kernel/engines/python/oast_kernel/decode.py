"""The nodes of oast_value.h as Python values.

What a tensor holds is not copied when it is large: it stays in the message that brought it, which
lives as long as somebody refers to it.
"""

from __future__ import annotations

import ctypes
import struct
import sys

from .encode import (BOOL, BYTES, DTYPE_BOOL8, DTYPE_INT64, ERROR, LENT_SIZE, LIST, MAP, NATIVE,
                     NIL, NODE_SIZE, NODE_WORDS, PACKED, STRING, TENSOR)
from .library import Failure

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, List, Optional, Tuple

# By oast_dtype: the format of the struct module, and numpy's name.
_DTYPES = (("?", "bool"), ("b", "int8"), ("B", "uint8"), ("h", "int16"), ("H", "uint16"),
           ("i", "int32"), ("I", "uint32"), ("q", "int64"), ("Q", "uint64"), ("e", "float16"),
           ("f", "float32"), ("d", "float64"), ("", "complex64"), ("", "complex128"))

# All of the address space; a part of it is cheaper to read than by a call of ctypes.
_EVERYTHING = memoryview((ctypes.c_char * sys.maxsize).from_address(0)).cast("B")


class RemoteError(Exception):
    """An error that came as a value."""

    def __init__(self, message: str, type: str = "", traceback: Tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.type = type
        self.traceback = traceback


class Memory:
    """Keeps a message's memory for as long as this object lives."""

    def __init__(self, handle: int, release: Callable[[int], None]) -> None:
        self._handle = handle
        self._release = release

    def __del__(self) -> None:
        self._release(self._handle)


class Decoder:
    """Reads values, one after the other. `retain` gives what keeps the memory that the nodes point
    to, and is called only if that is wanted; without it everything is copied."""

    def __init__(self, address: int, count: int,
                 retain: Optional[Callable[[], Any]] = None) -> None:
        self._retain = retain
        self._memory: Any = None
        # Copied, as nodes are small and live no longer than the request.
        nodes = memoryview(_copy(address, count * NODE_SIZE))
        self._ints = nodes.cast("q")
        self._words = nodes.cast("Q")
        self._reals = nodes.cast("d")
        self._kinds = nodes.cast("I")[::NODE_WORDS * 2].tolist()
        self._dtypes = nodes.cast("I")
        self._at = 0

    def value(self) -> Any:
        """The next value. Iterates down lists and maps without calls for their plain items."""
        at = self._at
        self._at = at + 1
        return _READERS[self._kinds[at]](self, at)

    def _nil(self, _at: int) -> None:
        return None

    def _bool(self, at: int) -> bool:
        return self._ints[at * NODE_WORDS + 1] != 0

    def _int(self, at: int) -> int:
        return self._ints[at * NODE_WORDS + 1]

    def _float(self, at: int) -> float:
        return self._reals[at * NODE_WORDS + 2]

    def _str(self, at: int) -> str:
        word = at * NODE_WORDS
        address = self._words[word + 3]
        return str(_EVERYTHING[address:address + self._words[word + 4]], "utf-8")

    def _bytes(self, at: int) -> bytes:
        word = at * NODE_WORDS
        return _copy(self._words[word + 3], self._words[word + 4])

    def _list(self, at: int) -> List[Any]:
        value = self.value
        return [value() for _ in range(self._words[at * NODE_WORDS + 5])]

    def _packed_list(self, at: int) -> List[Any]:
        word = at * NODE_WORDS
        address, size = self._words[word + 3], self._words[word + 4]
        if not size:
            return []
        items = _EVERYTHING[address:address + size]
        dtype = self._dtypes[word * 2 + 1]
        if dtype == DTYPE_BOOL8:
            return list(map(bool, items))
        return items.cast("q" if dtype == DTYPE_INT64 else "d").tolist()

    def _map(self, at: int) -> Any:
        count = self._words[at * NODE_WORDS + 5]
        value = self.value
        pairs = [(value(), value()) for _ in range(count)]
        try:
            return dict(pairs)
        except (TypeError, ValueError):  # some key is a list, as tuples are on their way
            return {_as_key(key): item for key, item in pairs}

    def _memory_at(self, at: int) -> Any:
        """The bytes of a node as a buffer, read-only."""
        address, size = self._words[at * NODE_WORDS + 3], self._words[at * NODE_WORDS + 4]
        if size < LENT_SIZE or self._retain is None:
            return _copy(address, size)
        if self._memory is None:
            self._memory = self._retain()
        lent: Any = (ctypes.c_char * size).from_address(address)
        lent.memory = self._memory  # lives as long as what is seen through it
        return memoryview(lent).cast("B").toreadonly()

    def _tensor(self, at: int) -> Any:
        word = at * NODE_WORDS
        dimensions = self._words[word + 5]
        shape = _EVERYTHING[:0].cast("q")
        if dimensions:
            address = self._words[word + 6]
            shape = _EVERYTHING[address:address + 8 * dimensions].cast("q")
        return make_tensor(self._memory_at(at), self._dtypes[word * 2 + 1], tuple(shape))

    def _error(self, at: int) -> RemoteError:
        failure = Failure.from_address(self._words[at * NODE_WORDS + 8])
        lines = tuple(_text(failure.traceback[i]) for i in range(failure.traceback_count))
        return RemoteError(_text(failure.message), _text(failure.type), lines)

    def _native(self, at: int) -> Any:
        word = at * NODE_WORDS
        form = ctypes.string_at(self._words[word + 7]).decode()
        if form != "pickle5":
            raise TypeError("a native value of the format %r is not for Python, which reads "
                            "'pickle5'" % form)
        first = self._at
        self._at = first + self._words[word + 5]
        buffers = [self._memory_at(index) for index in range(first, self._at)]
        from . import native  # slow to import, and seldom needed
        return native.load(self._memory_at(at), buffers)


def _copy(address: int, size: int) -> bytes:
    """ctypes.string_at, whose size is an int of C, is for less than 2 GiB."""
    return bytes(_EVERYTHING[address:address + size]) if size else b""


def _as_key(key: Any) -> Any:
    """A key of a map, which a dict wants hashable."""
    if isinstance(key, list):
        return tuple(_as_key(item) for item in key)
    try:
        hash(key)
    except (TypeError, ValueError):
        raise TypeError("a key of a map is a %s, which no dict can have as a key; numbers, texts, "
                        "bytes and lists of them can be keys" % type(key).__name__) from None
    return key


def _text(text: Any) -> str:
    address = ctypes.c_void_p.from_address(ctypes.addressof(text)).value
    return ctypes.string_at(address, text.size).decode("utf-8", "replace") if address else ""


def make_tensor(data: Any, dtype: int, shape: Tuple[int, ...]) -> Any:
    """A read-only numpy array when numpy can be imported, otherwise a memoryview. A complex number
    alone is one."""
    if dtype == 13 and not shape:
        return complex(*struct.unpack("<dd", data))
    try:
        import numpy
    except ImportError:
        return _view(data, dtype, shape)
    return numpy.frombuffer(data, dtype=_DTYPES[dtype][1]).reshape(shape) if len(data) \
        else numpy.zeros(shape, dtype=_DTYPES[dtype][1])


def _view(data: Any, dtype: int, shape: Tuple[int, ...]) -> Any:
    code = _DTYPES[dtype][0]
    if not code:
        raise TypeError("a tensor of %s needs numpy in this kernel's Python" % _DTYPES[dtype][1])
    view = memoryview(data)
    if len(shape) == 1 or 0 in shape:  # a view of nothing has one dimension only
        return view.cast(code)
    return view.cast(code, shape)


_READERS: Tuple[Callable[[Decoder, int], Any], ...] = (
    Decoder._nil, Decoder._bool, Decoder._int, Decoder._float, Decoder._str, Decoder._bytes,
    Decoder._list, Decoder._map, Decoder._tensor, Decoder._error, Decoder._native,
    Decoder._packed_list)
assert (NIL, BOOL, STRING, BYTES, LIST, MAP, TENSOR, ERROR, NATIVE, PACKED) == \
    (0, 1, 4, 5, 6, 7, 8, 9, 10, 11)
