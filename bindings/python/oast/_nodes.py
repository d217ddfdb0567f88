"""The numbers and the layout of oast_value.h."""

from __future__ import annotations

import struct
from typing import Optional, Tuple

NIL, BOOL, INT64, FLOAT64, STRING, BYTES, LIST, MAP, TENSOR, ERROR, NATIVE, PACKED = range(12)
DTYPE_BOOL8, DTYPE_INT64, DTYPE_FLOAT64 = 0, 7, 11  # of packed lists

# oast_dtype: its name in numpy, and in the buffer protocol; None: it has none there.
DTYPES: Tuple[Tuple[str, Optional[str]], ...] = (
    ("bool", "?"),
    ("int8", "b"),
    ("uint8", "B"),
    ("int16", "h"),
    ("uint16", "H"),
    ("int32", "i"),
    ("uint32", "I"),
    ("int64", "q"),
    ("uint64", "Q"),
    ("float16", "e"),
    ("float32", "f"),
    ("float64", "d"),
    ("complex64", None),
    ("complex128", None),
)

NODE = struct.Struct("@IIqdPQQPPP")  # oast_node
