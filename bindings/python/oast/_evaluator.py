"""What every worker can do, wherever its code runs."""

from __future__ import annotations

import copy
import ctypes
import dataclasses
from typing import Any, List, Mapping, Optional, Sequence, Tuple, TypeVar

from . import _library, _output, _structures
from ._functions import Function, resolve
from ._channel import RemoteChannel, lend
from ._future import Future, wait_for
from ._handles import Answer, Handle, Room
from ._signals import Deferred
from ._library import lib, milliseconds, quick
from ._output import OnInput, OnOutput, Sink
from ._values import encode, nodes_of

OUTCOMES = (
    "interrupted",
    "cancelled",
    "already_finished",
    "nothing_running",
    "not_interruptible",
    "killed",
)
CODE_STATUSES = ("complete", "incomplete", "invalid", "unknown")

_NOTHING: Sequence[object] = ()
E_ = TypeVar("E_", bound="Evaluator")


@dataclasses.dataclass(frozen=True)
class Completions:
    """What could stand somewhere: each match replaces code[start:end]."""

    matches: List[str]
    start: int
    end: int


@dataclasses.dataclass(frozen=True)
class Completeness:
    """Whether a frontend should evaluate the code or ask for another line."""

    status: str  # one of CODE_STATUSES
    indent: str  # of the next line, when incomplete


@dataclasses.dataclass(frozen=True)
class _Options:
    lane: int = 0
    timeout: Optional[float] = None
    kill_after: Optional[float] = None
    keep: bool = False
    on_output: Optional[OnOutput] = None
    on_input: Optional[OnInput] = None

    def __post_init__(self) -> None:
        if not isinstance(self.lane, int) or not 0 <= self.lane < 1 << 32:
            raise ValueError(f"the lane is {self.lane!r}, but must be an int from 0 to 2**32 - 1")
        milliseconds(self.timeout)  # raises when it is no time
        milliseconds(self.kill_after)


class Evaluator:
    """Something that evaluates code: a Worker or an InProcessWorker. Thread-safe.

    Code is text. Functions are dotted paths ("math.sqrt"), Python functions that the worker can
    import, Source, or, for a worker started with trust=True, any function.

    Values: None, bool, int, float, str, bytes, list, tuple (a list there), dict, numpy scalars, and
    as tensors, without a copy, numpy arrays and buffers; do not change these until the request has
    ended. Results that are tensors are read-only arrays. All else is sent as a pickle and needs
    trust=True.
    """

    _handle: Handle
    _trust: bool
    _sink: Sink
    _options = _Options()

    def remote_eval(
        self, code: str, *, args: Sequence[object] = _NOTHING, source_name: str = "", **options: Any
    ) -> Future:
        """Evaluates; the value comes in the future. `args` are the code's arguments, where its
        language has such; `source_name` is what tracebacks call it. Options: see with_options."""
        return self._later(_library.EVAL, code, args, source_name, options)

    def remote_eval_fetch(
        self, code: str, *, args: Sequence[object] = _NOTHING, source_name: str = "", **options: Any
    ) -> Any:
        """Blocks for the value."""
        return self._now(_library.VALUE, _library.EVAL, code, args, source_name, options)

    def remote_eval_wait(
        self, code: str, *, args: Sequence[object] = _NOTHING, source_name: str = "", **options: Any
    ) -> None:
        """Blocks; the value stays where it is."""
        self._now(_library.DONE, _library.EVAL, code, args, source_name, options)

    def remote_call(self, function: Function, *args: object, **kwargs: object) -> Future:
        """Calls; the value comes in the future."""
        return self._later(*resolve(function, args, kwargs, self._trust))

    def remote_call_fetch(self, function: Function, *args: object, **kwargs: object) -> Any:
        """Blocks for the value."""
        return self._now(_library.VALUE, *resolve(function, args, kwargs, self._trust))

    def remote_call_wait(self, function: Function, *args: object, **kwargs: object) -> None:
        """Blocks; the value stays where it is."""
        self._now(_library.DONE, *resolve(function, args, kwargs, self._trust))

    def remote_do(self, what: Function, *args: object, **kwargs: object) -> None:
        """Calls without any answer, also when it fails. Text is code, as in Malt, unless there are
        arguments: then it is the dotted path of a function."""
        if type(what) is str and not args and not kwargs:
            asked: Tuple[int, str, Sequence[object]] = (_library.EVAL, what, _NOTHING)
        else:
            asked = resolve(what, args, kwargs, self._trust)
        self._ask(Answer(), _library.NOTHING, *asked, "", self._options, None)

    def worker_channel(self, code: str, *, timeout: Optional[float] = None) -> RemoteChannel:
        """Evaluates code whose value is a channel. Blocks, at most `timeout` seconds."""
        data = code.encode()
        worker = self._handle.use()
        channel = Handle(
            "oast_channel_free", "channel", lib.oast_worker_channel, worker,
            _structures.text_of(data), milliseconds(timeout),
        )
        return RemoteChannel(channel, self._trust)

    def with_options(self: E_, **options: Any) -> E_:
        """The same worker, with other options for what is asked through the result:

        lane: requests of different lanes may run at the same time.
        timeout: seconds after which a request is cancelled or interrupted, and fails with
            TimeoutError. Functions that block raise it then in any case.
        kill_after: so many seconds after the timeout a worker whose code still runs is killed.
        keep: a request goes on when this host leaves, and its records stay in the worker's log.
        on_output, on_input: instead of the worker's own, see Worker.
        """
        other = copy.copy(self)
        other._options = dataclasses.replace(self._options, **options)
        return other

    def interrupt(self, timeout: float = 2.0, escalate: bool = False) -> str:
        """Interrupts whatever runs now; one of OUTCOMES. What still runs after `timeout` seconds is
        killed with `escalate`."""
        options = _structures.InterruptOptions(
            size=ctypes.sizeof(_structures.InterruptOptions),
            timeout_ms=milliseconds(timeout),
            escalate=int(escalate),
        )
        outcome = ctypes.c_uint32()
        worker = self._handle.use()
        _library.check(
            lib.oast_interrupt(worker, ctypes.byref(options), ctypes.byref(outcome))
        )
        return OUTCOMES[outcome.value]

    def stop(self, exit_timeout: float = 15.0, term_timeout: float = 15.0) -> None:
        """Asks it to leave; after `exit_timeout` seconds sends SIGTERM, `term_timeout` later
        SIGKILL. Blocks until it is gone. May be called again."""
        options = stop_options(exit_timeout, term_timeout)
        worker = self._handle.use()
        _library.check(lib.oast_stop(worker, ctypes.byref(options)))

    def kill(self) -> None:
        """SIGKILL to its whole process tree. Blocks until it is gone."""
        worker = self._handle.use()
        _library.check(lib.oast_kill(worker))

    def isrunning(self) -> bool:
        """False once it is dead, stopped or out of reach."""
        if self._handle.closed:
            return False
        worker = self._handle.use()
        running = bool(lib.oast_isrunning(worker))
        _library.raise_if_interrupted()
        return running

    def close(self) -> None:
        """Stops the worker, whatever runs in it, unless it was detached or only attached to: asks it
        to end, which gives functions of `atexit` two seconds, and then makes it. It cannot be used
        afterwards. May be called again."""
        self._handle.close()
        self._sink.flush()

    def __enter__(self: E_) -> E_:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def complete(self, code: str, cursor: Optional[int] = None) -> Completions:
        """What could stand at code[cursor]; None: at its end. Blocks, also while the worker
        evaluates, as the next two do."""
        data, at = _cut(code, cursor)
        found = ctypes.POINTER(_structures.CompletionsView)()
        worker = self._handle.use()
        _library.check(
            lib.oast_complete(worker, _structures.text_of(data), at, ctypes.byref(found))
        )
        view = found.contents
        return Completions(
            [str(view.matches[i]) for i in range(view.count)],
            len(data[: view.start].decode()),
            len(data[: view.end].decode()),
        )

    def inspect(self, code: str, cursor: Optional[int] = None, detail: int = 0) -> Optional[str]:
        """What stands at code[cursor], as text for a person; None when nothing is known."""
        data, at = _cut(code, cursor)
        text = _structures.Text()
        worker = self._handle.use()
        _library.check(
            lib.oast_inspect(worker, _structures.text_of(data), at, detail, ctypes.byref(text))
        )
        return str(text) if text.data else None

    def is_complete(self, code: str) -> Completeness:
        """Whether a frontend should evaluate the code or ask for another line."""
        data = code.encode()
        status, indent = ctypes.c_uint32(), _structures.Text()
        worker = self._handle.use()
        _library.check(
            lib.oast_is_complete(
                worker, _structures.text_of(data), ctypes.byref(status), ctypes.byref(indent)
            )
        )
        return Completeness(CODE_STATUSES[status.value], str(indent))

    def _later(
        self,
        what: int,
        text: str,
        values: Sequence[object],
        source_name: str = "",
        changes: Mapping[str, Any] = {},
    ) -> Future:
        options = dataclasses.replace(self._options, **changes) if changes else self._options
        own, callbacks = _own_callbacks(options)
        room = Answer()

        def on_end(sink: Sink = self._sink, own: Optional[Sink] = own) -> None:
            sink.flush()

        try:
            self._ask(room, _library.VALUE, what, text, values, source_name, options, callbacks)
            return Future(room, self._trust, on_end=on_end)
        except BaseException:
            lib.oast_future_cancel(room)
            raise

    def _now(
        self,
        want: int,
        what: int,
        text: str,
        values: Sequence[object],
        source_name: str = "",
        changes: Mapping[str, Any] = {},
    ) -> Any:
        options = dataclasses.replace(self._options, **changes) if changes else self._options
        own, callbacks = _own_callbacks(options)
        room = Answer()
        try:
            self._ask(room, want, what, text, values, source_name, options, callbacks, 1)
            return wait_for(room, options.timeout, self._trust)
        except BaseException:
            lib.oast_future_cancel(room)
            raise
        finally:
            del own  # from now on nobody hears of it
            self._sink.flush()

    def _ask(
        self,
        room: Room,
        want: int,
        what: int,
        text: str,
        values: Sequence[object],
        source_name: str,
        options: _Options,
        callbacks: Optional[_structures.Callbacks],
        blocking: int = 0,
    ) -> None:
        """The room is for the future, and stays empty when nothing is wanted."""
        data = text.encode()
        ask = _structures.Ask(_ASK_SIZE, what, want, data, len(data))
        if source_name:
            name = source_name.encode()
            ask.source_name, ask.source_name_size = name, len(name)
        ask.lane, ask.blocking = options.lane, blocking
        if options.timeout is not None:
            ask.timeout_ms = max(milliseconds(options.timeout), 1)  # 0 would be never
            if options.kill_after is not None:
                ask.kill_ms = max(milliseconds(options.kill_after), 1)
        if options.keep:
            ask.keep = 1
        if callbacks is not None:
            ask.callbacks = callbacks
        worker = self._handle.use()
        if not values:
            return _submit(quick.oast_submit, worker, ask, room)
        encoded = encode(values, self._trust)
        ask.args, ask.args_count = nodes_of(encoded), len(values)
        with Deferred():  # from the ticket to who pushes it
            ask.release, ask.release_context = lend(encoded)
            return _submit(lib.oast_submit, worker, ask, room)  # values may be large


def _submit(submit: Any, worker: Handle, ask: _structures.Ask, room: Room) -> None:
    wanted = None if ask.want == _library.NOTHING else ctypes.byref(room)
    _library.check(submit(worker, ctypes.byref(ask), wanted))


_ASK_SIZE = ctypes.sizeof(_structures.Ask)


def _own_callbacks(
    options: _Options,
) -> "tuple[Optional[Sink], Optional[_structures.Callbacks]]":
    """Of a request that has some, and their sink, to be kept."""
    if options.on_output is None and options.on_input is None:
        return None, None
    sink = Sink(options.on_output, options.on_input)
    return sink, _output.connect(sink)


def _cut(code: str, cursor: Optional[int]) -> "tuple[bytes, int]":
    """The code in bytes, and where the cursor is there."""
    if cursor is None:
        cursor = len(code)
    return code.encode(), len(code[:cursor].encode())


def stop_options(exit_timeout: float, term_timeout: float) -> _structures.StopOptions:
    return _structures.StopOptions(
        size=ctypes.sizeof(_structures.StopOptions),
        exit_timeout_ms=max(milliseconds(exit_timeout), 1),  # 0 would be the default
        term_timeout_ms=max(milliseconds(term_timeout), 1),
    )
