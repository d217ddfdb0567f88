"""Nodes as Python values, without copying their large parts: those stay in the memory that brought
them, which lives as long as somebody refers to it."""

from __future__ import annotations

import ctypes

from .encode import LEND_FROM
from .memory import ALL_MEMORY, bytes_at
from .nodes import (BOOL, BOOL8, BYTES, COMPLEX64, COMPLEX128, COUNT, DATA, DTYPES, ERROR, FAILURE,
                    FLOAT64, FORMAT, INT64, INT64_ITEMS, LIST, MAP, NATIVE, NIL, NODE, NODE_SIZE,
                    NODE_WORDS, PACKED, SHAPE, SIZE, STRING, TENSOR, FailureView, read_failure)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, List, Optional, Tuple

    from .policy import Policy


def decode(address: int, count: int, policy: Policy,
           retain: Optional[Callable[[], Any]] = None) -> Any:
    """One value; no nodes are None. See Decoder."""
    if count == 1:  # the fast path
        kind, _, integer, real, data, size, _, _, _, _ = NODE.unpack_from(
            ALL_MEMORY, address)
        if kind == INT64:
            return integer
        if kind == STRING:
            return str(ALL_MEMORY[data:data + size], "utf-8")
        if kind == FLOAT64:
            return real
        if kind == BOOL:
            return integer != 0
        if kind == NIL:
            return None
    return Decoder(address, count, policy, retain).value() if count else None


class Decoder:
    """Reads values, one after the other. `retain` gives what keeps the memory that the nodes point
    to, and is called only if that is wanted; without it everything is copied."""

    def __init__(self, address: int, count: int, policy: Policy,
                 retain: Optional[Callable[[], Any]] = None) -> None:
        self._policy = policy
        self._retain = retain
        self._memory: Any = None
        # Copied, as nodes are small and live no longer than the request.
        nodes = memoryview(bytes_at(address, count * NODE_SIZE))
        self._ints = nodes.cast("q")
        self._words = nodes.cast("Q")
        self._reals = nodes.cast("d")
        self._dtypes = nodes.cast("I")
        self._kinds = self._dtypes[::NODE_WORDS * 2].tolist()
        self._at = 0

    def value(self) -> Any:
        """The next value."""
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
        address = self._words[word + DATA]
        return str(ALL_MEMORY[address:address + self._words[word + SIZE]], "utf-8")

    def _bytes(self, at: int) -> bytes:
        word = at * NODE_WORDS
        return bytes_at(self._words[word + DATA], self._words[word + SIZE])

    def _list(self, at: int) -> List[Any]:
        value = self.value
        return [value() for _ in range(self._words[at * NODE_WORDS + COUNT])]

    def _packed_list(self, at: int) -> List[Any]:
        word = at * NODE_WORDS
        address, size = self._words[word + DATA], self._words[word + SIZE]
        if not size:
            return []
        items = ALL_MEMORY[address:address + size]
        dtype = self._dtypes[word * 2 + 1]
        if dtype == BOOL8:
            return list(map(bool, items))
        return items.cast("q" if dtype == INT64_ITEMS else "d").tolist()

    def _map(self, at: int) -> Any:
        value = self.value
        pairs = [(value(), value()) for _ in range(self._words[at * NODE_WORDS + COUNT])]
        try:
            return dict(pairs)
        except (TypeError, ValueError):  # some key is a list, as tuples are on their way
            return {self._as_key(key): item for key, item in pairs}

    def _as_key(self, key: Any) -> Any:
        """A key of a map, which a dict wants hashable."""
        if isinstance(key, list):
            return tuple(self._as_key(item) for item in key)
        try:
            hash(key)
        except (TypeError, ValueError):
            raise self._policy.invalid(
                "a key of a map is a %s, which no dict can have as a key; numbers, texts, bytes "
                "and lists of them can be keys" % type(key).__name__) from None
        return key

    def _memory_at(self, at: int) -> Any:
        """The bytes of a node as a buffer, read-only."""
        address, size = self._words[at * NODE_WORDS + DATA], self._words[at * NODE_WORDS + SIZE]
        if size < LEND_FROM or self._retain is None:
            return bytes_at(address, size)
        if self._memory is None:
            self._memory = self._retain()
        lent: Any = (ctypes.c_char * size).from_address(address)
        lent.memory = self._memory  # lives as long as what is seen through it
        return memoryview(lent).cast("B").toreadonly()

    def _tensor(self, at: int) -> Any:
        word = at * NODE_WORDS
        dimensions, address = self._words[word + COUNT], self._words[word + SHAPE]
        shape = ALL_MEMORY[address:address + 8 * dimensions].cast("q") if dimensions else ()
        return make_tensor(self._memory_at(at), self._dtypes[word * 2 + 1], tuple(shape))

    def _error(self, at: int) -> Exception:
        view = FailureView.from_address(self._words[at * NODE_WORDS + FAILURE])
        return self._policy.rebuild(read_failure(view))

    def _native(self, at: int) -> Any:
        word = at * NODE_WORDS
        form = ctypes.string_at(self._words[word + FORMAT]).decode("utf-8", "replace")
        first = self._at
        self._at = first + self._words[word + COUNT]
        problem = self._policy.unreadable(form)
        if problem is not None:
            raise problem
        buffers = [self._memory_at(index) for index in range(first, self._at)]
        from . import pickling  # slow to import, and seldom needed
        return pickling.loads(self._memory_at(at), buffers)


def make_tensor(data: Any, dtype: int, shape: Tuple[int, ...]) -> Any:
    """A read-only numpy array where numpy can be imported, otherwise a memoryview. A complex number
    alone is a number."""
    if dtype == COMPLEX128 and not shape:
        return complex(*memoryview(data).cast("d"))
    try:
        import numpy
    except ImportError:
        return _view(data, dtype, shape)
    if not len(data):
        empty = numpy.zeros(shape, dtype=DTYPES[dtype][0])
        empty.flags.writeable = False
        return empty
    array = numpy.frombuffer(data, dtype=DTYPES[dtype][0]).reshape(shape)
    return array[()] if dtype == COMPLEX64 and not shape else array


def _view(data: Any, dtype: int, shape: Tuple[int, ...]) -> Any:
    name, code = DTYPES[dtype]
    view = memoryview(data)
    if dtype == COMPLEX64 and not shape:
        return complex(*view.cast("f"))
    try:
        # A view of nothing has one dimension only.
        return view.cast(code) if len(shape) == 1 or 0 in shape else view.cast(code, shape)
    except ValueError:  # float16 before Python 3.12, complex numbers
        raise TypeError("a tensor of %s needs numpy here, which is not installed" % name) from None


_READERS: Tuple[Callable[[Decoder, int], Any], ...] = (
    Decoder._nil, Decoder._bool, Decoder._int, Decoder._float, Decoder._str, Decoder._bytes,
    Decoder._list, Decoder._map, Decoder._tensor, Decoder._error, Decoder._native,
    Decoder._packed_list)
assert (NIL, BOOL, STRING, BYTES, LIST, MAP, TENSOR, ERROR, NATIVE, PACKED) == \
    (0, 1, 4, 5, 6, 7, 8, 9, 10, 11)
