"""The structs of oast.h, field for field; those of oast_value.h are the codec's."""

from __future__ import annotations

import ctypes
from ctypes import POINTER, c_char_p, c_double, c_int, c_int32, c_int64, c_size_t, c_uint32
from ctypes import c_uint64, c_void_p

from ._codec.nodes import DeathView, FailureView, Text, Value, text_of

__all__ = ["DeathView", "FailureView", "Text", "Value", "text_of"]


class MimePart(ctypes.Structure):
    """oast_mime_part."""

    _fields_ = [("mime", c_char_p), ("is_text", c_int), ("data", c_void_p), ("size", c_size_t)]


class OutputView(ctypes.Structure):
    """oast_output."""

    _fields_ = [
        ("stream", c_uint32),
        ("update", c_int32),
        ("wait", c_int32),
        ("is_utf8", c_int32),
        ("text", Text),
        ("parts", POINTER(MimePart)),
        ("parts_count", c_size_t),
        ("display_id", c_char_p),
        ("result", c_int32),
    ]


class Callbacks(ctypes.Structure):
    """oast_callbacks."""

    _fields_ = [
        ("on_output", c_void_p),
        ("on_input", c_void_p),
        ("context", c_void_p),
        ("release", c_void_p),
    ]


class Ask(ctypes.Structure):
    """oast_ask, with each oast_text as two fields: bytes and their size."""

    _fields_ = [
        ("size", c_size_t),
        ("what", c_uint32),
        ("want", c_uint32),
        ("text", c_char_p),
        ("text_size", c_size_t),
        ("source_name", c_char_p),
        ("source_name_size", c_size_t),
        ("args", Value),
        ("args_count", c_size_t),
        ("lane", c_uint32),
        ("blocking", c_int32),
        ("timeout_ms", c_int64),
        ("callbacks", Callbacks),
        ("release", c_void_p),
        ("release_context", c_void_p),
        ("kill_ms", c_int64),
        ("keep", c_int32),
    ]


class Variable(ctypes.Structure):
    """oast_variable."""

    _fields_ = [("name", c_char_p), ("value", c_char_p)]


class StartOptions(ctypes.Structure):
    """oast_start_options."""

    _fields_ = [
        ("size", c_size_t),
        ("name", c_char_p),
        ("env", POINTER(Variable)),
        ("env_count", c_size_t),
        ("cwd", c_char_p),
        ("exename", c_char_p),
        ("exeflags", POINTER(c_char_p)),
        ("exeflags_count", c_size_t),
        ("detach", c_int32),
        ("timeout_ms", c_uint32),
        ("broker", c_void_p),
        ("callbacks", Callbacks),
    ]


class ConnectOptions(ctypes.Structure):
    """oast_connect_options."""

    _fields_ = [
        ("size", c_size_t),
        ("name", c_char_p),
        ("token", c_char_p),
        ("timeout_ms", c_uint32),
        ("session", c_char_p),
        ("session_timeout_ms", c_uint64),
    ]


class InterruptOptions(ctypes.Structure):
    """oast_interrupt_options."""

    _fields_ = [("size", c_size_t), ("timeout_ms", c_uint32), ("escalate", c_int32)]


class StopOptions(ctypes.Structure):
    """oast_stop_options."""

    _fields_ = [
        ("size", c_size_t),
        ("exit_timeout_ms", c_uint32),
        ("term_timeout_ms", c_uint32),
    ]


class KernelView(ctypes.Structure):
    """oast_kernel_info."""

    _fields_ = [
        ("id", c_uint64),
        ("name", c_char_p),
        ("spec", c_char_p),
        ("state", c_uint32),
        ("pid", c_int32),
        ("owner", c_uint64),
        ("detached", c_int32),
        ("queued", c_uint32),
        ("request", c_uint64),
        ("request_host", c_uint64),
        ("request_ms", c_uint64),
        ("rss_bytes", c_uint64),
        ("age_ms", c_uint64),
        ("cpu_seconds", c_double),
        ("heartbeat_ms", c_double),
        ("death", POINTER(DeathView)),
        ("held_by", c_uint64),
        ("held_ms", c_uint64),
        ("unacknowledged_bytes", c_uint64),
        ("log_first", c_uint64),
        ("log_last", c_uint64),
        ("log_bytes", c_uint64),
        ("log_problem", c_char_p),
        ("successor", c_uint64),
        ("restarts", c_uint32),
    ]


class SpecView(ctypes.Structure):
    """oast_spec_info."""

    _fields_ = [
        ("name", c_char_p),
        ("language", c_char_p),
        ("display_name", c_char_p),
        ("argv", POINTER(c_char_p)),
        ("argv_count", c_size_t),
        ("problem", c_char_p),
        ("features", POINTER(c_char_p)),
        ("features_count", c_size_t),
    ]


class LogOptions(ctypes.Structure):
    """oast_log_options."""

    _fields_ = [
        ("size", c_size_t),
        ("from_", c_uint64),
        ("host", c_uint64),
        ("request", c_uint64),
        ("follow", c_int32),
    ]


class RecordView(ctypes.Structure):
    """oast_record."""

    _fields_ = [
        ("number", c_uint64),
        ("host", c_uint64),
        ("request", c_uint64),
        ("kind", c_uint32),
        ("password", c_int32),
        ("output", POINTER(OutputView)),
        ("failure", POINTER(FailureView)),
        ("prompt", Text),
        ("input_bytes", c_size_t),
        ("gap_last", c_uint64),
        ("gap_bytes", c_uint64),
        ("death", POINTER(DeathView)),
        ("successor", c_uint64),
    ]


class CompletionsView(ctypes.Structure):
    """oast_completions."""

    _fields_ = [
        ("matches", POINTER(Text)),
        ("count", c_size_t),
        ("start", c_size_t),
        ("end", c_size_t),
    ]


ON_OUTPUT = ctypes.CFUNCTYPE(None, c_void_p, POINTER(OutputView))
ON_INPUT = ctypes.CFUNCTYPE(None, c_void_p, Text, c_int, c_void_p)
ON_EVENT = ctypes.CFUNCTYPE(None, c_void_p, c_uint32, POINTER(KernelView))
