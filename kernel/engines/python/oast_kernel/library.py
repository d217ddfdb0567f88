"""The kernel SDK, liboast_kernel.so, as ctypes sees it: kernel/include/oast_kernel.h in Python, and
nothing more."""

from __future__ import annotations

import ctypes
import os
from ctypes import POINTER, c_char_p, c_int, c_size_t, c_uint32, c_uint64, c_void_p

from .codec.nodes import FailureView, Text, Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, List

ABI = 2
_FILE = "liboast_kernel.so.1"

# oast_status
(OK, REMOTE_EXCEPTION, INTERRUPTED, KERNEL_DIED, TIMEOUT, OVERLOADED, DISCONNECTED, NOT_FOUND,
 PERMISSION_DENIED, INVALID, UNIMPLEMENTED, INCOMPATIBLE) = range(12)
# oast_request_kind
EVAL, CALL, COMPLETE, INSPECT, IS_COMPLETE = range(5)
# oast_want
WANT_VALUE, WANT_DONE, WANT_NOTHING, WANT_CHANNEL, WANT_SHOWN, WANT_DISPLAYED = range(6)
DISPLAY_UPDATE, DISPLAY_RESULT = 1, 2  # flags
# oast_code_status
CODE_COMPLETE, CODE_INCOMPLETE, CODE_INVALID, CODE_UNKNOWN = range(4)
# oast_stream
STDOUT, STDERR = range(2)


class Options(ctypes.Structure):
    _fields_ = [("size", c_size_t), ("interrupt_signal", c_int), ("on_interrupt", c_void_p),
                ("context", c_void_p), ("separate_queries", c_int), ("separate_lanes", c_int)]


class MimePart(ctypes.Structure):
    _fields_ = [("mime", c_char_p), ("is_text", c_int), ("data", c_char_p), ("size", c_size_t)]


_FUNCTIONS = {
    "oast_kernel_abi": (c_uint32, []),
    "oast_kernel_error": (c_char_p, []),
    "oast_kernel_connect": (c_int, [POINTER(Options), POINTER(c_void_p)]),
    "oast_kernel_close": (None, [c_void_p]),
    "oast_kernel_exit": (None, [c_void_p, c_int]),
    "oast_kernel_id": (c_uint64, [c_void_p]),
    "oast_kernel_name": (c_char_p, [c_void_p]),
    "oast_kernel_spec": (c_char_p, [c_void_p]),
    "oast_kernel_broker_directory": (c_char_p, [c_void_p]),
    "oast_kernel_host_token": (c_char_p, [c_void_p]),
    "oast_kernel_next": (c_int, [c_void_p, c_int, POINTER(c_void_p)]),
    "oast_kernel_next_query": (c_int, [c_void_p, c_int, POINTER(c_void_p)]),
    "oast_kernel_next_of_lanes": (c_int, [c_void_p, c_int, POINTER(c_void_p)]),
    "oast_kernel_fd": (c_int, [c_void_p]),
    "oast_request_get": (c_void_p, [c_void_p]),
    "oast_request_run_here": (None, [c_void_p]),
    "oast_request_interrupted": (c_int, [c_void_p]),
    "oast_request_interrupts_raised": (None, [c_void_p, c_int]),
    "oast_request_reply": (c_int, [c_void_p, Value, c_void_p, c_void_p]),
    "oast_request_fail": (c_int, [c_void_p, POINTER(FailureView)]),
    "oast_request_completions": (c_int, [c_void_p, POINTER(Text), c_size_t, c_uint32, c_uint32]),
    "oast_request_inspection": (c_int, [c_void_p, POINTER(Text)]),
    "oast_request_completeness": (c_int, [c_void_p, c_int, Text]),
    "oast_kernel_interrupted": (c_int, [c_void_p]),
    "oast_kernel_interrupts_raised": (None, [c_void_p, c_int]),
    "oast_kernel_output": (c_int, [c_void_p, c_uint64, c_int, c_char_p, c_size_t]),
    "oast_kernel_display": (c_int, [c_void_p, c_uint64, POINTER(MimePart), c_size_t, c_char_p,
                                    c_int]),
    "oast_kernel_clear_output": (c_int, [c_void_p, c_uint64, c_int]),
    "oast_kernel_flush": (c_int, [c_void_p]),
    "oast_kernel_input": (c_int, [c_void_p, Text, c_int, POINTER(Value)]),
    "oast_kernel_read_input": (c_int, [c_void_p, c_size_t, POINTER(Value)]),
    "oast_kernel_channel": (c_uint64, [c_void_p, c_size_t]),
    "oast_kernel_put": (c_int, [c_void_p, c_uint64, Value]),
    "oast_kernel_take": (c_int, [c_void_p, c_uint64, POINTER(Value)]),
    "oast_kernel_ready": (c_int, [c_void_p, c_uint64, POINTER(c_int)]),
    "oast_kernel_close_channel": (c_int, [c_void_p, c_uint64]),
    "oast_request_retain": (c_void_p, [c_void_p]),
    "oast_memory_release": (None, [c_void_p]),
}


def candidates() -> List[str]:
    """Where the library may be, the first that exists counts."""
    named = os.environ.get("OAST_KERNEL_LIBRARY")
    if named:
        return [named]
    package = os.path.dirname(os.path.abspath(__file__))
    above = [package]
    for _ in range(5):
        above.append(os.path.dirname(above[-1]))
    below = ("", "lib", os.path.join("build", "release", "lib"))
    found = [os.path.join(directory, part, name) for directory in above for part in below
             for name in ("liboast_kernel.so", _FILE)]
    return [path for path in found if os.path.exists(path)]


def load() -> Any:
    """The library with its functions declared. Raises OSError that says where it was sought."""
    paths = candidates()
    path = paths[0] if paths else _FILE
    try:
        library = ctypes.CDLL(path)
    except OSError as error:
        raise OSError("%s; set OAST_KERNEL_LIBRARY to the path of liboast_kernel.so, or install "
                      "oast" % error) from None
    if library.oast_kernel_abi() < ABI:
        raise OSError("%s has version %d of the kernel SDK, this needs %d"
                      % (path, library.oast_kernel_abi(), ABI))
    for name, (result, arguments) in _FUNCTIONS.items():
        function = getattr(library, name)
        function.restype = result
        function.argtypes = arguments
    return library
