"""What makes a Python process a kernel."""

from __future__ import annotations

import atexit
import builtins
import ctypes
import faulthandler
import gc
import io
import os
import sys
import threading

import oast_kernel

from . import channels, displays, import_hooks, library
from .engine import Engine
from .executor import Executor
from .interrupt import Gate
from .kernel import Kernel
from .lanes import Lanes
from .queries import Queries, plain_editing
from .streams import ByteOutput, TextInput, TextOutput, make_getpass, make_input, tag_threads

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, List

_USAGE = "usage: python -m oast_kernel [--ipython], started by a broker: launch details on stdin"
_HOME = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))  # where the package is
_BACKEND = "module://oast_kernel.matplotlib_backend"
_UNBUFFERED = 2  # _IONBF
# How long threads may go on when the kernel shall end: less than the 15 s until a broker sends a
# signal, so that the functions of atexit run whatever the threads do.
_THREADS_PATIENCE = 5.0  # seconds


def main(arguments: List[str]) -> int:
    if [argument for argument in arguments if argument != "--ipython"]:
        print(_USAGE, file=sys.stderr)
        return 2
    ipython = "--ipython" in arguments
    try:
        if ipython:
            import IPython  # type: ignore[import]  # noqa: F401
        kernel = Kernel()
        kernel.connect()
    except (OSError, AttributeError, ImportError) as error:
        print("the Python kernel cannot start: %s" % error, file=sys.stderr)
        return 1
    serve(kernel, ipython)
    return 0


def serve(kernel: Kernel, ipython: bool) -> None:
    """Until the broker wants it to end; then ends the process."""
    sys.argv = [""]  # as in an interactive Python
    stdin = TextInput(kernel.read_input)
    _take_streams(kernel, stdin)
    gate = Gate(kernel.interrupted, kernel.interrupts_raised)
    executor: Any
    if ipython:
        from .ipython import IPythonExecutor
        executor = IPythonExecutor(gate)
        editing = executor.editing
    else:
        executor, editing = Executor(gate), plain_editing
    _offer(kernel, executor)
    Queries(kernel, editing, executor.namespace).start()
    Lanes(kernel, executor).start()
    Engine(kernel, gate, executor, stdin).serve()
    if kernel.forked:
        os._exit(0)
    try:
        finish(_THREADS_PATIENCE)
    except BaseException:  # the rest of the end must come in any case
        pass
    kernel.exit(0)


def finish(patience: float = 0) -> None:
    """What python does at the end of a program: waits for threads that are no daemons, though for
    `patience` seconds at most unless that is 0; runs the functions of atexit; and writes what files
    that nobody closed still hold back. Once."""
    import signal  # slow to import, and not needed before

    def give_up(_signal: int, _frame: Any) -> None:
        raise TimeoutError

    try:
        try:
            if patience:
                signal.signal(signal.SIGALRM, give_up)
                signal.setitimer(signal.ITIMER_REAL, patience)
            threading._shutdown()  # type: ignore[attr-defined]
        finally:
            if patience:
                signal.setitimer(signal.ITIMER_REAL, 0)
    finally:
        try:
            atexit._run_exitfuncs()
        finally:
            _flush_files()


def _flush_files() -> None:
    for thing in gc.get_objects():
        if type(thing) in (io.TextIOWrapper, io.BufferedWriter, io.BufferedRandom):
            try:
                thing.flush()
            except (OSError, ValueError):  # it is full, or was closed
                pass


def _take_streams(kernel: Kernel, stdin: TextInput) -> None:
    out, err = (ByteOutput(descriptor, kernel.output, kernel.flush) for descriptor in (1, 2))
    streams = {"stdout": TextOutput("<stdout>", out), "stderr": TextOutput("<stderr>", err),
               "stdin": stdin}
    for name, stream in streams.items():
        setattr(sys, name, stream)
        setattr(sys, "__%s__" % name, stream)
    os.register_at_fork(after_in_child=out.forget_kernel)
    os.register_at_fork(after_in_child=err.forget_kernel)
    builtins.input = make_input(kernel.input, stdin)
    import_hooks.when_imported("getpass", lambda getpass: setattr(getpass, "getpass",
                                                          make_getpass(kernel.input)))
    for name in ("comm", "ipykernel.comm"):
        import_hooks.when_imported(name, _replace_comms)
    # What C code prints must not wait in a buffer for the end of the process.
    libc = ctypes.CDLL(None)
    libc.setvbuf(ctypes.c_void_p.in_dll(libc, "stdout"), None, _UNBUFFERED, 0)
    faulthandler.enable(2)
    tag_threads()
    _send_before_exit(kernel)


def _replace_comms(module: Any) -> None:
    from . import comms
    comms.replace(module)


def _send_before_exit(kernel: Kernel) -> None:
    """What was printed gets out, also before os._exit."""
    end = os._exit

    def _exit(status: int) -> None:
        if not kernel.forked:
            kernel.exit(status)
        end(status)

    _exit.__doc__ = end.__doc__
    os._exit = _exit  # type: ignore[assignment]


def _offer(kernel: Kernel, executor: Any) -> None:
    """What code in a kernel finds without importing anything."""
    oast_kernel._connection = kernel
    channels.use(kernel)
    displays.use(kernel)
    builtins.display = displays.display  # type: ignore[attr-defined]
    executor.offer("RemoteChannel", channels.RemoteChannel)
    _offer_host_library()
    _offer_backend()


def _offer_backend() -> None:
    """matplotlib shows its figures by us. Child processes are told too, so they must find us."""
    if os.environ.setdefault("MPLBACKEND", _BACKEND) == _BACKEND:
        paths = os.environ.get("PYTHONPATH")
        os.environ["PYTHONPATH"] = _HOME if not paths else paths + os.pathsep + _HOME


def _offer_host_library() -> None:
    """`import oast` works as it is: the package is beside this one where oast is installed, else in
    the source tree. It comes last, after what is installed for this Python."""
    place = _HOME
    if not os.path.isdir(os.path.join(place, "oast")):
        place = os.path.join(os.path.abspath(os.path.join(_HOME, *[os.pardir] * 3)),
                             "bindings", "python")
        if not os.path.isdir(os.path.join(place, "oast")):
            return
    if place not in sys.path:
        sys.path.append(place)
    beside = os.path.join(os.path.dirname((library.candidates() or [""])[0]), "liboast.so.1")
    if os.path.exists(beside):  # of the same build as the kernel's library
        os.environ.setdefault("OAST_LIBRARY", os.path.abspath(beside))
