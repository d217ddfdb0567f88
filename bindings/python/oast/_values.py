"""What this package's side of the codec decides: what a worker may be sent, and what its errors
become."""

from __future__ import annotations

import sys
from typing import Any, Optional, Sequence

from ._codec.decode import decode as _decode
from ._codec.encode import Encoder
from ._codec.nodes import Failure as FailureFields
from ._codec.nodes import Value
from ._codec.policy import Policy
from ._handles import Room
from .errors import Error, InvalidError, NativeValueError, error_of, failure_fields, failure_of


def encode(values: Sequence[object], trust: bool) -> Encoder:
    return Encoder(values, _TRUSTING if trust else _CAREFUL)


def nodes_of(encoder: Encoder) -> Value:
    """Valid as long as the encoder."""
    return Value(encoder.address, encoder.count)


def decode(memory: Room, value: Value, trust: bool) -> Any:
    """The value of a future, whose memory it may keep."""
    policy = _TRUSTING if trust else _CAREFUL
    return _decode(value.nodes or 0, value.count, policy, lambda: memory)


def _refuse(value: Any) -> Exception:
    """Why a worker that is not trusted cannot have it."""
    numpy = sys.modules.get("numpy")
    if isinstance(value, int):
        return OverflowError(
            f"an int of {value.bit_length()} bits and its sign does not fit 64 bits, "
            "so only a worker started with trust=True takes it"
        )
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError as error:
            return error
    name = f"{type(value).__module__}.{type(value).__qualname__}"
    if numpy is not None and isinstance(value, numpy.ndarray):
        if type(value) in (numpy.ndarray, numpy.memmap):
            return TypeError(
                f"arrays of {value.dtype} are no portable values; "
                "only a worker started with trust=True takes them"
            )
        return TypeError(
            f"{name} is more than a plain array, like a mask, which would be lost; "
            "only a worker started with trust=True takes it, as a pickle; "
            "or send numpy.asarray(it)"
        )
    return TypeError(
        f"{name} is no portable value; "
        "only a worker started with trust=True takes it, as a pickle"
    )


def _describe(error: BaseException) -> FailureFields:
    """As data an exception has no traceback of its own, but one of a worker goes on as it came."""
    if isinstance(error, Error):
        return failure_fields(error.failure)
    return FailureFields(1, str(error), type(error).__name__, (), None)


def _rebuild(fields: FailureFields) -> Exception:
    return error_of(failure_of(fields))


def _unreadable(form: str) -> Optional[Exception]:
    if form == "pickle5":
        return None
    return NativeValueError(
        f"the value came as {form}, which Python cannot read; "
        "let the code return portable values"
    )


def _untrusted(form: str) -> Optional[Exception]:
    return _unreadable(form) or NativeValueError(
        "the value came as a pickle, being of a type that only Python has (such as an int "
        "of more than 64 bits, a set or an object), "
        "and reading one runs code that the worker chose; "
        "start the worker with trust=True to allow that, "
        "or let the code return portable values"
    )


_TRUSTING = Policy(refuse=None, exact=True, describe=_describe, rebuild=_rebuild,
                   unreadable=_unreadable, invalid=InvalidError)
_CAREFUL = Policy(refuse=_refuse, exact=False, describe=_describe, rebuild=_rebuild,
                  unreadable=_untrusted, invalid=InvalidError)
