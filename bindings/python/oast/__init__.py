"""Kernels: processes that evaluate code for you.

    import oast

    with oast.Worker("python") as w:
        print(w.remote_eval_fetch("1 + 1"))

See README.md of this package, and the docstrings of Worker and Evaluator.
"""

from __future__ import annotations

from typing import Any

from ._broker import Broker, KernelInfo, SpecInfo, Watch, connect, default_broker
from ._channel import RemoteChannel
from ._evaluator import Completeness, Completions, Evaluator
from ._functions import Function, Source
from ._future import Future
from ._log import Ended, Gap, InputAsked, Log, Record
from ._output import Hold, Output, hold_output
from ._worker import InProcessWorker, Worker
from .errors import (
    Death,
    DisconnectedError,
    Error,
    Failure,
    IncompatibleError,
    Interrupted,
    InvalidError,
    NativeValueError,
    NotFoundError,
    OverloadedError,
    PermissionDeniedError,
    RemoteException,
    TerminatedWorkerException,
    TimeoutError,
    UnimplementedError,
)
from .executor import Executor

__version__ = "0.1.0"


# The spelling of Malt: the same names, taking a worker.


def remote_eval(worker: Evaluator, code: str, **options: Any) -> Future:
    return worker.remote_eval(code, **options)


def remote_eval_fetch(worker: Evaluator, code: str, **options: Any) -> Any:
    return worker.remote_eval_fetch(code, **options)


def remote_eval_wait(worker: Evaluator, code: str, **options: Any) -> None:
    worker.remote_eval_wait(code, **options)


def remote_call(function: Function, worker: Evaluator, *args: object, **kwargs: object) -> Future:
    return worker.remote_call(function, *args, **kwargs)


def remote_call_fetch(
    function: Function, worker: Evaluator, *args: object, **kwargs: object
) -> Any:
    return worker.remote_call_fetch(function, *args, **kwargs)


def remote_call_wait(
    function: Function, worker: Evaluator, *args: object, **kwargs: object
) -> None:
    worker.remote_call_wait(function, *args, **kwargs)


def remote_do(what: Function, worker: Evaluator, *args: object, **kwargs: object) -> None:
    worker.remote_do(what, *args, **kwargs)


def worker_channel(worker: Evaluator, code: str, **options: Any) -> RemoteChannel:
    return worker.worker_channel(code, **options)


def interrupt(worker: Evaluator, timeout: float = 2.0, escalate: bool = False) -> str:
    return worker.interrupt(timeout, escalate)


def stop(worker: Evaluator, exit_timeout: float = 15.0, term_timeout: float = 15.0) -> None:
    worker.stop(exit_timeout, term_timeout)


def kill(worker: Evaluator) -> None:
    worker.kill()


def isrunning(worker: Evaluator) -> bool:
    return worker.isrunning()
