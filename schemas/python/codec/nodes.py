"""The numbers and structs of oast_value.h, and how Python's other tables call its dtypes."""

from __future__ import annotations

import ctypes
import struct
from ctypes import POINTER, c_char_p, c_int32, c_size_t, c_uint32, c_void_p

from .memory import bytes_at

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, List, NamedTuple, Optional, Sequence, Tuple

# oast_kind
NIL, BOOL, INT64, FLOAT64, STRING, BYTES, LIST, MAP, TENSOR, ERROR, NATIVE, PACKED = range(12)

NODE = struct.Struct("@IIqdPQQPPP")  # oast_node
NODE_SIZE = 72
NODE_WORDS = 9
# Where fields are, in words of 8 bytes.
DATA, SIZE, COUNT, SHAPE, FORMAT, FAILURE = range(3, 9)

# oast_dtype: the name in numpy, and the format in the buffer protocol where there is one.
DTYPES = (("bool", "?"), ("int8", "b"), ("uint8", "B"), ("int16", "h"), ("uint16", "H"),
          ("int32", "i"), ("uint32", "I"), ("int64", "q"), ("uint64", "Q"), ("float16", "e"),
          ("float32", "f"), ("float64", "d"), ("complex64", ""), ("complex128", ""))
BOOL8, UINT8, INT64_ITEMS, FLOAT64_ITEMS, COMPLEX64, COMPLEX128 = 0, 2, 7, 11, 12, 13

_SIGNED, _UNSIGNED = {1: 1, 2: 3, 4: 5, 8: 7}, {1: 2, 2: 4, 4: 6, 8: 8}
_FORMATS = {"?": 0, "c": UINT8, "e": 9, "f": 10, "d": 11, "Zf": COMPLEX64, "Zd": COMPLEX128}


def dtype_of(code: Optional[str], size: int) -> Optional[int]:
    """The oast_dtype of items of a buffer's format and size; None when they have none."""
    code = code or "B"
    if code[0] in "@=<":
        code = code[1:]
    if len(code) == 1 and code in "bhilqn":
        return _SIGNED.get(size)
    if len(code) == 1 and code in "BHILQN":
        return _UNSIGNED.get(size)
    return _FORMATS.get(code)


class Text(ctypes.Structure):
    """oast_text. Keeps the bytes that it is made of."""

    _fields_ = [("data", c_char_p), ("size", c_size_t)]

    def __str__(self) -> str:
        if not self.size:
            return ""
        address = c_void_p.from_buffer(self).value  # `data` would end at a zero byte
        return bytes_at(address or 0, self.size).decode("utf-8", "replace")


def text_of(data: bytes) -> Text:
    return Text(data, len(data))


def text(value: str) -> Text:
    return text_of(value.encode("utf-8", "backslashreplace"))


class Value(ctypes.Structure):
    """oast_value."""

    _fields_ = [("nodes", c_void_p), ("count", c_size_t)]


class DeathView(ctypes.Structure):
    """oast_death."""

    _fields_ = [("cause", c_uint32), ("exit_code", c_int32), ("signal", c_int32),
                ("signal_name", Text), ("explanation", Text), ("stderr_tail", Text)]


class FailureView(ctypes.Structure):
    """oast_failure."""

    _fields_ = [("status", c_uint32), ("message", Text), ("type", Text),
                ("traceback", POINTER(Text)), ("traceback_count", c_size_t),
                ("death", POINTER(DeathView))]


if TYPE_CHECKING:
    Death = Tuple[int, int, int, str, str, str]  # the fields of DeathView

    class Failure(NamedTuple):
        """What an oast_failure holds."""

        status: int
        message: str
        type: str
        traceback: Sequence[str]
        death: Optional[Death]
else:
    def Failure(*fields):  # a plain tuple, as typing and collections are slow to import
        return fields


def write_failure(failure: Failure) -> FailureView:
    """Keeps what it refers to."""
    status, message, kind, traceback, death = failure
    lines = (Text * len(traceback))(*map(text, traceback))
    view = FailureView(status, text(message), text(kind), lines, len(traceback), None)
    if death is not None:
        cause, exit_code, signal, name, explanation, tail = death
        view.death = ctypes.pointer(
            DeathView(cause, exit_code, signal, text(name), text(explanation), text(tail)))
    return view


def read_death(view: Any) -> Death:
    return (view.cause, view.exit_code, view.signal, str(view.signal_name), str(view.explanation),
            str(view.stderr_tail))


def read_failure(view: Any) -> Failure:
    death = read_death(view.death.contents) if view.death else None
    lines: List[str] = [str(view.traceback[i]) for i in range(view.traceback_count)]
    return Failure(view.status, str(view.message), str(view.type), tuple(lines), death)
