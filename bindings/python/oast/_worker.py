"""Workers: kernels as objects."""

from __future__ import annotations

import ctypes
from typing import Any, Mapping, Optional, Sequence

from . import _library, _output, _structures
from ._broker import Broker, KernelInfo, default_broker, read_kernel
from ._evaluator import Evaluator
from ._handles import Handle
from ._library import lib, milliseconds
from ._log import Log, make_log
from ._output import OnInput, OnOutput, Printer, Sink
from .errors import Death, Error


class Worker(Evaluator):
    """A kernel in a process of its own.

        with oast.Worker("python") as w:
            w.remote_eval_fetch("1 + 1")

    Closing it, losing the last reference to it or ending the program stops the kernel, unless it
    was detached.

    spec: what kind of kernel, see Broker.specs.
    name: unique among living kernels; None: made up.
    env: environment besides the spec's; nothing else is inherited.
    cwd: absolute; None: the spec's, or "/".
    exename, exeflags: the program ("/home/me/venv/bin/python") and its flags, instead of the
        spec's own.
    trust: pickles may cross, in both directions. Reading one runs code that the worker chose.
    broker: None: that of the kernel this program is, or one in this process.
    detach: the kernel goes on without us. For daemons.
    timeout: seconds for the kernel to start.
    monitor_stdout, monitor_stderr: whether its output appears on sys.stdout and sys.stderr.
    on_output: takes the output instead. Called on a thread of oast while answers wait: it must
        return soon and not call functions of oast that block, as answers of all workers of its broker
        wait. What it raises goes to sys.unraisablehook, and the request goes on.
    on_input: answers code that asks for a line, given a prompt and whether it is a password; None
        is end of input. Called on a thread of its own. Or a binary file, whose bytes are the
        standard input of the code.
    """

    def __init__(
        self,
        spec: str = "python",
        *,
        name: Optional[str] = None,
        env: Optional[Mapping[str, str]] = None,
        cwd: Optional[str] = None,
        exename: Optional[str] = None,
        exeflags: Sequence[str] = (),
        trust: bool = False,
        broker: Optional[Broker] = None,
        detach: bool = False,
        timeout: Optional[float] = None,
        monitor_stdout: bool = True,
        monitor_stderr: bool = True,
        on_output: Optional[OnOutput] = None,
        on_input: Optional[OnInput] = None,
    ) -> None:
        sink = _sink(on_output, on_input, monitor_stdout, monitor_stderr)
        variables = [
            _structures.Variable(_library.utf8(key), _library.utf8(value))
            for key, value in (env or {}).items()
        ]
        flags = [_library.utf8(flag) for flag in exeflags]
        self._broker = default_broker() if broker is None else broker
        room = self._broker._handle.room()
        options = _structures.StartOptions(
            size=ctypes.sizeof(_structures.StartOptions),
            name=_library.utf8(name),
            env=(_structures.Variable * len(variables))(*variables),
            env_count=len(variables),
            cwd=_library.utf8(cwd),
            exename=_library.utf8(exename),
            exeflags=(ctypes.c_char_p * len(flags))(*flags),
            exeflags_count=len(flags),
            detach=int(detach),
            timeout_ms=milliseconds(timeout),
            broker=room,
        )
        options.callbacks = _output.connect(sink)
        try:
            self._adopt(
                trust, sink, lib.oast_worker_start, _library.utf8(spec),
                ctypes.byref(options),
            )
        finally:
            del room

    @classmethod
    def _attach(
        cls,
        broker: Broker,
        kernel: str,
        trust: bool,
        on_output: Optional[OnOutput],
        on_input: Optional[OnInput],
        monitor_stdout: bool,
        monitor_stderr: bool,
    ) -> "Worker":
        worker = cls.__new__(cls)
        worker._broker = broker
        sink = _sink(on_output, on_input, monitor_stdout, monitor_stderr)
        callbacks = _output.connect(sink)
        pointer = broker._handle.use()
        worker._adopt(
            trust, sink, lib.oast_worker_attach, pointer, _library.utf8(kernel),
            ctypes.byref(callbacks),
        )
        return worker

    def _adopt(self, trust: bool, sink: Sink, make: Any, *arguments: object) -> None:
        """Takes over the worker that `make` makes, and its callbacks."""
        _adopt(self, trust, sink, make, *arguments)
        worker = self._handle.use()
        self._id: int = lib.oast_worker_id(worker)
        self._name: str = lib.oast_worker_name(worker).decode()
        if isinstance(sink, Printer):
            sink.name = self._name

    @property
    def id(self) -> int:
        return self._id

    @property
    def name(self) -> str:
        return self._name

    @property
    def broker(self) -> Broker:
        return self._broker

    @property
    def trust(self) -> bool:
        return self._trust

    def info(self) -> KernelInfo:
        """What the broker knows of it now. Raises NotFoundError a minute after its death."""
        view = ctypes.POINTER(_structures.KernelView)()
        worker = self._handle.use()
        _library.check(lib.oast_worker_info(worker, ctypes.byref(view)))
        return read_kernel(view.contents)

    def log(
        self, from_: int = 1, *, follow: bool = False, request: Optional[int] = None,
        host: Optional[int] = None,
    ) -> Log:
        """What it has said to its hosts: see Broker.log."""
        broker = self._broker._handle.use()
        return make_log(broker, self._id, from_, follow, request, host, self._trust)

    @property
    def death(self) -> Optional[Death]:
        """How it ended, if that is known here already, or, once closed, still to the broker."""
        view = ctypes.POINTER(_structures.DeathView)()
        try:
            worker = self._handle.use()
            _library.check(lib.oast_worker_death(worker, ctypes.byref(view)))
            return _library.read_death(view)
        except Error:
            if not self._handle.closed:
                raise
        try:
            return self._broker.find(self._id).death
        except Error:  # it died long ago, or the broker is gone too
            return None

    def __repr__(self) -> str:
        return f"<oast.Worker {self._name}, id {self._id}>"


class InProcessWorker(Evaluator):
    """A Lua engine on a thread of this process, for tests: nothing isolates it."""

    def __init__(
        self,
        *,
        monitor_stdout: bool = True,
        monitor_stderr: bool = True,
        on_output: Optional[OnOutput] = None,
        on_input: Optional[OnInput] = None,
    ) -> None:
        sink = _sink(on_output, on_input, monitor_stdout, monitor_stderr)
        if isinstance(sink, Printer):
            sink.name = "in this process"
        callbacks = _output.connect(sink)
        _adopt(self, False, sink, lib.oast_worker_in_process, ctypes.byref(callbacks))

    def __repr__(self) -> str:
        return "<oast.InProcessWorker>"


def _sink(
    on_output: Optional[OnOutput], on_input: Optional[OnInput], stdout: bool, stderr: bool
) -> Sink:
    if on_output is not None:
        return Sink(on_output, on_input)
    return Printer(stdout, stderr, on_input)


def _adopt(
    worker: Evaluator, trust: bool, sink: Sink, make: Any, *arguments: object
) -> None:
    # Its callbacks may come until it is freed.
    worker._handle = Handle("oast_worker_free", "worker", make, *arguments, kept=sink)
    worker._trust = trust
    worker._sink = sink
