"""Brokers, and kernels as they see them."""

from __future__ import annotations

import ctypes
import dataclasses
import os
import signal as signals
import sys
import threading
from typing import TYPE_CHECKING, Any, Callable, Dict, List, Optional, Union

from . import _library, _structures
from ._handles import Handle
from ._library import lib, milliseconds
from ._log import Log, make_log
from .errors import Death

if TYPE_CHECKING:
    from ._output import OnInput, OnOutput
    from ._worker import Worker

STATES = ("starting", "idle", "busy", "unresponsive", "stopping", "dead")
CHANGES = ("heartbeat", "state")


@dataclasses.dataclass(frozen=True)
class KernelInfo:
    """A kernel as its broker saw it last."""

    id: int
    name: str
    spec: str
    state: str  # one of STATES
    pid: int
    owner: Optional[int]  # a peer; None: detached
    detached: bool
    request: Optional[int]  # that runs now
    request_host: Optional[int]  # the peer whose it is: requests are numbered by each host
    request_seconds: float  # how long it has run
    queued: int  # requests not begun
    rss_bytes: int
    cpu_seconds: float
    heartbeat_seconds: Optional[float]  # round trip of the last heartbeat
    age_seconds: float
    death: Optional[Death]
    held_by: Optional[int]  # the host whose reading holds its output back
    held_seconds: float  # for how long
    unacknowledged_bytes: int  # that it sent, and its hosts have not done with
    log_first: int  # the oldest record of its log; 0: there is none
    log_last: int
    log_bytes: int
    log_problem: str  # why the log is not written to its disk; "": it can be
    successor: Optional[int]  # the kernel that was started in its place
    restarts: int  # kernels that came before it


@dataclasses.dataclass(frozen=True)
class SpecInfo:
    """A recipe for starting kernels."""

    name: str
    language: str
    display_name: str
    argv: List[str]
    problem: str  # why it cannot start, as far as known; "": it seems that it can
    features: List[str]  # what its kernels can do: "complete", "native:pickle5"


def read_kernel(view: _structures.KernelView) -> KernelInfo:
    return KernelInfo(
        id=view.id,
        name=view.name.decode(),
        spec=view.spec.decode(),
        state=STATES[view.state] if view.state < len(STATES) else "unknown",
        pid=view.pid,
        owner=view.owner or None,
        detached=bool(view.detached),
        request=view.request or None,
        request_host=view.request_host or None,
        request_seconds=view.request_ms / 1000,
        queued=view.queued,
        rss_bytes=view.rss_bytes,
        cpu_seconds=view.cpu_seconds,
        heartbeat_seconds=view.heartbeat_ms / 1000 if view.heartbeat_ms >= 0 else None,
        age_seconds=view.age_ms / 1000,
        death=_library.read_death(view.death),
        held_by=view.held_by or None,
        held_seconds=view.held_ms / 1000,
        unacknowledged_bytes=view.unacknowledged_bytes,
        log_first=view.log_first,
        log_last=view.log_last,
        log_bytes=view.log_bytes,
        log_problem=view.log_problem.decode(),
        successor=view.successor or None,
        restarts=view.restarts,
    )


def _read_spec(view: _structures.SpecView) -> SpecInfo:
    return SpecInfo(
        name=view.name.decode(),
        language=view.language.decode(),
        display_name=view.display_name.decode(),
        argv=[view.argv[i].decode() for i in range(view.argv_count)],
        problem=view.problem.decode(),
        features=[view.features[i].decode() for i in range(view.features_count)],
    )


class Watch:
    """News of kernels until closed, with `with` or by losing the last reference."""

    def __init__(
        self, broker: Handle, callback: "Callable[[str, KernelInfo], None]"
    ) -> None:
        def on_event(_context: object, change: int, view: Any) -> None:
            callback(CHANGES[change], read_kernel(view.contents))

        self._callback = _structures.ON_EVENT(on_event)
        # The library calls it until it is freed, which may be after this object has gone.
        self._handle = Handle(
            "oast_watch_free", "watch", lib.oast_broker_watch, broker, self._callback, None,
            kept=self._callback,
        )

    def close(self) -> None:
        """Blocks until a running callback has returned, except when called by it."""
        self._handle.close()

    def __enter__(self) -> "Watch":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Broker:
    """A connection to a broker, in this process or a daemon; made by `connect`. Thread-safe. It
    ends with its last user, and with it the kernels that were started over it, unless detached.

    Kernels are named by their id or name, or are Workers.
    """

    def __init__(self, make: Any, *arguments: object) -> None:
        self._handle = Handle("oast_broker_free", "broker", make, *arguments)

    def start(self, spec: str = "python", **options: Any) -> "Worker":
        """Starts a kernel: see Worker."""
        from ._worker import Worker

        return Worker(spec, broker=self, **options)

    def attach(
        self,
        kernel: "Kernel",
        *,
        trust: bool = False,
        on_output: "Optional[OnOutput]" = None,
        on_input: "Optional[OnInput]" = None,
        monitor_stdout: bool = True,
        monitor_stderr: bool = True,
    ) -> "Worker":
        """A Worker of a kernel that runs already, of whatever host. It does not own the kernel.
        Raises NotFoundError, or TerminatedWorkerException when it died in the last minute."""
        from ._worker import Worker

        name = kernel if isinstance(kernel, str) else str(self._id(kernel))
        return Worker._attach(
            self, name, trust, on_output, on_input, monitor_stdout, monitor_stderr
        )

    def list(self) -> List[KernelInfo]:
        """Every kernel that lives, and those that died in the last minute."""
        views, count = ctypes.POINTER(_structures.KernelView)(), ctypes.c_size_t()
        broker = self._handle.use()
        _library.check(
            lib.oast_broker_list(broker, ctypes.byref(views), ctypes.byref(count))
        )
        return [read_kernel(views[i]) for i in range(count.value)]

    def find(self, kernel: "Kernel") -> KernelInfo:
        """A kernel that lives, or, unless asked for by name, died in the last minute. Raises
        NotFoundError."""
        name = kernel if isinstance(kernel, str) else str(self._id(kernel))
        view = ctypes.POINTER(_structures.KernelView)()
        broker = self._handle.use()
        _library.check(
            lib.oast_broker_find(broker, _library.utf8(name), ctypes.byref(view))
        )
        return read_kernel(view.contents)

    def specs(self) -> List[SpecInfo]:
        views, count = ctypes.POINTER(_structures.SpecView)(), ctypes.c_size_t()
        broker = self._handle.use()
        _library.check(
            lib.oast_broker_specs(broker, ctypes.byref(views), ctypes.byref(count))
        )
        return [_read_spec(views[i]) for i in range(count.value)]

    def interrupt(
        self,
        kernel: "Kernel",
        request: Optional[int] = None,
        *,
        host: Optional[int] = None,
        timeout: float = 2.0,
        escalate: bool = False,
    ) -> str:
        """Interrupts one request of `host`, a peer (None: ours), or whatever runs now: see
        Worker.interrupt and KernelInfo.request_host."""
        from ._evaluator import OUTCOMES

        options = _structures.InterruptOptions(
            size=ctypes.sizeof(_structures.InterruptOptions),
            timeout_ms=milliseconds(timeout),
            escalate=int(escalate),
        )
        outcome = ctypes.c_uint32()
        number = self._id(kernel)
        broker = self._handle.use()
        _library.check(
            lib.oast_broker_interrupt(
                broker,
                number,
                _number(request, "a request"),
                _number(host, "a host"),
                ctypes.byref(options),
                ctypes.byref(outcome),
            )
        )
        return OUTCOMES[outcome.value]

    def stop(
        self, kernel: "Kernel", exit_timeout: float = 15.0, term_timeout: float = 15.0
    ) -> Optional[Death]:
        """Blocks until it is gone: see Worker.stop."""
        from ._evaluator import stop_options

        options = stop_options(exit_timeout, term_timeout)
        death = ctypes.POINTER(_structures.DeathView)()
        number = self._id(kernel)
        broker = self._handle.use()
        _library.check(
            lib.oast_broker_stop(
                broker, number, ctypes.byref(options), ctypes.byref(death)
            )
        )
        return _library.read_death(death)

    def kill(self, kernel: "Kernel") -> Optional[Death]:
        """SIGKILL to its whole process tree. Blocks until it is gone."""
        death = ctypes.POINTER(_structures.DeathView)()
        number = self._id(kernel)
        broker = self._handle.use()
        _library.check(lib.oast_broker_kill(broker, number, ctypes.byref(death)))
        return _library.read_death(death)

    def signal(self, kernel: "Kernel", signal: "int | signals.Signals") -> None:
        """Sends a signal to the kernel process."""
        number = self._id(kernel)
        broker = self._handle.use()
        _library.check(lib.oast_broker_signal(broker, number, int(signal)))

    def log(
        self,
        kernel: "Kernel",
        from_: int = 1,
        *,
        follow: bool = False,
        request: Optional[int] = None,
        host: Optional[int] = None,
        trust: bool = False,
    ) -> Log:
        """An iterator, also for `async for`, over what a kernel has said to its hosts, also one that
        is dead, as long as the broker keeps its log: from a number on to its end, or, to `follow`
        it, until it is dead. `request`: only what belongs to that request of `host`, a peer (None:
        this one). The first record is an error when there is no such log."""
        number = self._id(kernel)
        _number(request, "a request")
        _number(host, "a host")
        broker = self._handle.use()
        return make_log(broker, number, from_, follow, request, host, trust)

    def watch(self, callback: "Callable[[str, KernelInfo], None]") -> Watch:
        """Calls it, on a thread of its own, with every heartbeat and change of state (CHANGES) of
        every kernel from now on."""
        broker = self._handle.use()
        return Watch(broker, callback)

    @property
    def directory(self) -> str:
        broker = self._handle.use()
        directory: bytes = lib.oast_broker_directory(broker)
        return os.fsdecode(directory)

    @property
    def connected(self) -> bool:
        """False once the broker was found gone."""
        if self._handle.closed:
            return False
        broker = self._handle.use()
        return bool(lib.oast_broker_connected(broker))

    @property
    def resumed(self) -> bool:
        """It has a session that an earlier process began."""
        broker = self._handle.use()
        return bool(lib.oast_broker_resumed(broker))

    def end_session(self) -> None:
        """Its session shall end with its connection, which then ends its kernels."""
        broker = self._handle.use()
        lib.oast_broker_end_session(broker)

    def close(self) -> None:
        """Workers made from it keep the connection."""
        self._handle.close()

    def __enter__(self) -> "Broker":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _id(self, kernel: "Kernel") -> int:
        if isinstance(kernel, int):
            return _number(kernel, "a kernel")
        return self.find(kernel).id if isinstance(kernel, str) else kernel.id


Kernel = Union[int, str, "Worker"]


def _number(given: Optional[int], of: str) -> int:
    """0 when none is given."""
    if given is not None and not 0 < given < 1 << 64:
        raise ValueError(f"{given} is no id of {of}: they are from 1 to 2**64 - 1")
    return given or 0


def connect(
    directory_or_name: Optional[str] = None,
    *,
    name: str = "python",
    token: Optional[str] = None,
    timeout: float = 5.0,
    session: Optional[str] = None,
    session_timeout: float = 86400.0,
) -> Broker:
    """A connection to the daemon that lives in a directory, or, given a name without a slash, in
    the user's own runtime directory; None: "default". `name` says who we are, to people.

    With `session`, a name, this host can come back: it does so by itself when its connection is
    gone, and a later process that names the same session has its kernels and gets what they said
    since. Whoever names it last has it. Kernels and answers wait `session_timeout` seconds for it;
    Workers that are dropped leave their kernels alone, `stop` and `end_session` end them."""
    options = _structures.ConnectOptions(
        size=ctypes.sizeof(_structures.ConnectOptions),
        name=_library.utf8(name),
        token=_library.utf8(token),
        timeout_ms=milliseconds(timeout),
        session=_library.utf8(session),
        session_timeout_ms=max(1, milliseconds(session_timeout)),
    )
    place = _library.utf8(os.fspath(directory_or_name) if directory_or_name else None)
    return Broker(lib.oast_broker_connect, place, ctypes.byref(options))


_default_lock = threading.RLock()  # as a signal handler may need it meanwhile
_default: Dict[str, Broker] = {}


def default_broker() -> Broker:
    """The broker of the kernel that this program is, if it is one; else one in this process."""
    with _default_lock:
        broker = _default.get("")
        if broker is None or not broker.connected:
            broker = _default[""] = _make_default()
        return broker


def _make_default() -> Broker:
    kernel = sys.modules.get("oast_kernel")
    home = kernel.broker() if kernel is not None and hasattr(kernel, "broker") else None
    if home is not None:
        directory, token = home
        return connect(directory, token=token)
    return Broker(lib.oast_broker_default)
