"""A concurrent.futures.Executor whose tasks run in kernels."""

from __future__ import annotations

import collections
import concurrent.futures
import functools
import itertools
import logging
import os
import pickle
import sys
import threading
import time
import weakref
from typing import Any, Callable, Iterable, Iterator, List, Mapping, Optional, Sequence, Tuple

from ._broker import Broker
from ._codec import pickling
from ._signals import Deferred
from ._worker import Worker
from .errors import Failure, RemoteException, TerminatedWorkerException

# In the worker: calls a pickled function, and gives a pickle of what came of it. Pickles hold all
# their data, so that arrays can be written to on both sides, as with a ProcessPoolExecutor.
_TASK = """
def _oast_task(data):
    import pickle, traceback

    def dumps(value):
        try:
            return pickle.dumps(value, 5)
        except Exception as error:
            try:
                import cloudpickle
                return cloudpickle.dumps(value, 5)
            except Exception:
                raise error from None

    try:
        function, calls = pickle.loads(data)
        return dumps((True, [function(*args, **kwargs) for args, kwargs in calls], ""))
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        lines = "".join(traceback.format_exception(type(error), error, error.__traceback__))
        try:
            return dumps((False, error, lines))
        except Exception:
            return dumps((False, (type(error).__name__, str(error)), lines))
"""


def _dumps(task: object) -> bytes:
    try:
        return pickling.dumps(task, out_of_band=False)[0]
    except pickling.Unsendable as problem:
        raise pickle.PicklingError(problem.explain("the task")) from None


class BrokenWorker(TerminatedWorkerException, concurrent.futures.BrokenExecutor):
    """The worker died with this task. The executor goes on with another worker."""


class RemoteTraceback(Exception):
    """The cause of an exception of a task: where it was raised, as text."""

    def __init__(self, tb: str) -> None:
        super().__init__(tb)
        self.tb = tb

    def __str__(self) -> str:
        return f'\n"""\n{self.tb}"""'


class _Workers:
    """One worker for each thread that asks. `on_broken` is called with the reason when an
    initializer failed: then no task can run."""

    def __init__(
        self,
        start: Callable[[], Worker],
        initializer: Optional[Callable[..., object]],
        initargs: Tuple[Any, ...],
        on_broken: Callable[[str], None],
    ) -> None:
        self._start = start
        self._initializer = initializer
        self._initargs = initargs
        self._on_broken = on_broken
        self._broken = ""
        self._mine = threading.local()

    def _begin(self) -> None:
        worker = self._start()
        worker.remote_eval_wait("import sys\n" + _TASK)
        # As a process that multiprocessing spawns.
        paths = [os.path.abspath(path) for path in sys.path]
        worker.remote_eval_wait(
            f"sys.path += [path for path in {paths!r} if path not in sys.path]"
        )
        self._mine.worker = worker
        if self._initializer is None:
            return
        try:
            self._call(self._initializer, [(self._initargs, {})])
        except BaseException as error:
            logging.getLogger("concurrent.futures").critical(
                "Exception in initializer:", exc_info=True
            )
            self._broken = f"the initializer failed: {error!r}"
            self._on_broken(self._broken)

    def call(
        self, function: Callable[..., Any], calls: Sequence[Tuple[Sequence[Any], Mapping[str, Any]]]
    ) -> List[Any]:
        """The results of the function with each of these arguments."""
        if not self._broken and getattr(self._mine, "worker", None) is None:
            self._begin()
        if self._broken:
            raise concurrent.futures.BrokenExecutor(self._broken)
        try:
            return self._call(function, calls)
        except TerminatedWorkerException as died:
            worker, self._mine.worker = self._mine.worker, None
            worker.close()
            raise BrokenWorker(died.failure) from None

    def call_once(
        self, function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> Any:
        return self.call(function, [(args, kwargs)])[0]

    def _call(self, function: Callable[..., Any], calls: Sequence[Any]) -> List[Any]:
        data = _dumps((function, calls))
        done, result, traceback = pickle.loads(
            self._mine.worker.remote_call_fetch("_oast_task", data)
        )
        if done:
            results: List[Any] = result
            return results
        if isinstance(result, BaseException):
            result.__cause__ = RemoteTraceback(traceback)
            raise result
        name, message = result
        raise RemoteException(
            Failure("remote_exception", message, name, tuple(traceback.splitlines()))
        )


class Executor(concurrent.futures.ThreadPoolExecutor):
    """Runs tasks in kernels, as ProcessPoolExecutor does in processes:

        with oast.Executor(4) as executor:
            squares = list(executor.map(square, range(100), chunksize=10))

    Functions, arguments and results are pickled, by cloudpickle what pickle cannot do; so what the
    workers run is trusted. Workers start when they are needed. A worker that dies fails only its
    own task, with BrokenWorker, and is replaced.

    max_workers: None: as many as there are processors.
    spec and worker_options: as of Worker. The working directory is ours unless given; the
        environment is the spec's. Workers see our sys.path behind their own.
    initializer, initargs: called once in each worker before its first task; when it raises, all
        tasks fail with BrokenExecutor.

    It is a ThreadPoolExecutor only for how it is made: each of its threads waits for one worker.
    """

    def __init__(
        self,
        max_workers: Optional[int] = None,
        spec: str = "python",
        initializer: Optional[Callable[..., object]] = None,
        initargs: Tuple[Any, ...] = (),
        *,
        broker: Optional[Broker] = None,
        **worker_options: Any,
    ) -> None:
        if initializer is not None and not callable(initializer):
            raise TypeError("initializer must be a callable")
        worker_options.setdefault("cwd", os.getcwd())
        start = functools.partial(Worker, spec, broker=broker, **worker_options)
        super().__init__(
            os.cpu_count() if max_workers is None else max_workers,
            thread_name_prefix="oast-executor",
        )
        # The threads, which have the workers, must not keep the executor.
        self._workers = _Workers(
            start, initializer, initargs, functools.partial(_break, weakref.ref(self))
        )

    def submit(
        self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any
    ) -> "concurrent.futures.Future[Any]":
        """Calls fn(*args, **kwargs) in a worker."""
        return self._submit(self._workers.call_once, fn, args, kwargs)

    def map(
        self,
        fn: Callable[..., Any],
        *iterables: Iterable[Any],
        timeout: Optional[float] = None,
        chunksize: int = 1,
    ) -> Iterator[Any]:
        """Calls fn with the items of the iterables, `chunksize` at a time in one task; gives the
        results in order."""
        if chunksize < 1:
            raise ValueError("chunksize must be >= 1.")
        calls: Iterator[Any] = ((items, {}) for items in zip(*iterables))
        chunks = iter(lambda: list(itertools.islice(calls, chunksize)), [])
        end = None if timeout is None else time.monotonic() + timeout
        futures = collections.deque(
            self._submit(self._workers.call, fn, chunk) for chunk in chunks
        )
        return _results(futures, end)

    def _submit(
        self, call: Callable[..., Any], *args: Any
    ) -> "concurrent.futures.Future[Any]":
        with Deferred():  # which does not start a thread by halves
            return super().submit(call, *args)


def _break(executor: "weakref.ref[Executor]", reason: str) -> None:
    broken = executor()
    if broken is not None:
        setattr(broken, "_broken", reason)  # which ThreadPoolExecutor.submit looks at


def _results(
    futures: "collections.deque[concurrent.futures.Future[List[Any]]]", end: Optional[float]
) -> Iterator[Any]:
    try:
        while futures:
            left = None if end is None else end - time.monotonic()
            chunk = futures[0].result(left)
            futures.popleft()
            chunk.reverse()
            while chunk:
                yield chunk.pop()  # kept by nobody else
    finally:
        for future in futures:
            future.cancel()
