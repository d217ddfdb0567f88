"""Memory of buffers and of the library, by its address."""

from __future__ import annotations

import ctypes
import sys
from ctypes import POINTER, c_char_p, c_int, c_ssize_t, c_void_p

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# All of the address space; a part of it is cheaper to read than by a call of ctypes, and may be
# larger than the int of C that string_at takes.
ALL_MEMORY = memoryview((ctypes.c_char * sys.maxsize).from_address(0)).cast("B")


def bytes_at(address: int, size: int) -> bytes:
    """A copy."""
    return bytes(ALL_MEMORY[address:address + size]) if size else b""


class _Buffer(ctypes.Structure):
    """CPython's Py_buffer."""

    _fields_ = [("buf", c_void_p), ("obj", c_void_p), ("len", c_ssize_t), ("itemsize", c_ssize_t),
                ("readonly", c_int), ("ndim", c_int), ("format", c_char_p), ("shape", c_void_p),
                ("strides", c_void_p), ("suboffsets", c_void_p), ("internal", c_void_p)]


# Not ctypes.pythonapi, whose functions are everybody's, with the types that the last one declared.
_python = ctypes.PyDLL(None)
_get_buffer = _python.PyObject_GetBuffer
_get_buffer.argtypes = [ctypes.py_object, POINTER(_Buffer), c_int]
_release_buffer = _python.PyBuffer_Release
_release_buffer.argtypes = [POINTER(_Buffer)]
_release_buffer.restype = None

# A C function as a method: `__del__` without bytecode, between which a signal's handler could run.
new_method: Any = _python.PyInstanceMethod_New
new_method.restype, new_method.argtypes = ctypes.py_object, [ctypes.py_object]
_Buffer.__del__ = new_method(_release_buffer)  # type: ignore[attr-defined]  # idle if empty
_SIMPLE = 0


class Pin:
    """Keeps the memory of a contiguous object where it is; its address and size."""

    __slots__ = ("_view", "address", "size")

    def __init__(self, exporter: object) -> None:
        self._view = _Buffer()
        _get_buffer(exporter, self._view, _SIMPLE)
        self.address: int = self._view.buf or 0
        self.size: int = self._view.len


# Where a bytes object of CPython has its data.
_BYTES_DATA = bytes.__basicsize__ - 1


def address_of(data: Any) -> int:
    """Of bytes or of a bytearray, valid as long as they live and keep their size."""
    if type(data) is bytes:
        return id(data) + _BYTES_DATA
    return ctypes.addressof(ctypes.c_char.from_buffer(data)) if data else 0


assert bytes_at(address_of(b"data"), 5) == b"data\0"
