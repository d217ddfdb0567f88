"""What the tests of the Python kernel share: a broker whose spec is this tree's kernel, and workers
whose output is kept."""

import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from typing import Any, Callable, List, Optional

import oast

GENEROUS = 20.0  # seconds; a deadline that only a failing test meets
PROGRAMS = pathlib.Path(os.environ["OAST_LIBEXEC"])
PACKAGE = pathlib.Path(__file__).resolve().parents[3] / "kernel/engines/python"


def has(module: str) -> bool:
    """Whether the kernels' Python, which is ours, can import it."""
    import importlib.util
    return importlib.util.find_spec(module) is not None


def eventually(fact: Callable[[], Any], what: str) -> None:
    """Blocks until fact() is true."""
    deadline = time.monotonic() + GENEROUS
    while not fact():
        if time.monotonic() > deadline:
            raise AssertionError("never: " + what)
        time.sleep(0.005)


class Daemon:
    """A broker process in a directory of its own, whose spec `python` is the kernel under test."""

    def __init__(self) -> None:
        self._scratch = tempfile.TemporaryDirectory(prefix="oast-test.")
        scratch = pathlib.Path(self._scratch.name)
        self.directory = str(scratch / "broker")
        environment = {"OAST_KERNEL_LIBRARY": os.environ["OAST_KERNEL_LIBRARY"]}
        main = str(PACKAGE / "oast_kernel/__main__.py")
        specs = {name: {"argv": ["{exename}", "{exeflags}", main] + arguments,
                        "exename": sys.executable,
                        "language": "python", "display_name": name, "env": environment}
                 for name, arguments in (("python", []), ("ipython", ["--ipython"]))}
        config = scratch / "oast.json"
        config.write_text(json.dumps({"specs": specs}))
        self._process = subprocess.Popen(
            [str(PROGRAMS / "oast-broker"), "--config", str(config), "--runtime-dir", self.directory,
             "--data-dir", self.directory],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        assert self._process.stderr is not None
        self._process.stderr.readline()  # "... ready in ..."
        self._log = threading.Thread(target=self._process.stderr.read)
        self._log.start()
        self.broker = oast.connect(self.directory)

    def kill(self) -> None:
        """SIGKILL. Instead of `close`."""
        self.close(signal.SIGKILL)

    def close(self, how: int = signal.SIGTERM) -> None:
        if how == signal.SIGTERM:
            self.broker.close()
        self._process.send_signal(how)
        self._process.wait(GENEROUS)
        self._log.join()
        assert self._process.stderr is not None
        self._process.stderr.close()
        self._scratch.cleanup()


class KernelTest(unittest.TestCase):
    """One broker for the tests of a class, and a fresh kernel for each."""

    daemon: Daemon
    spec = "python"
    trust = False

    @classmethod
    def setUpClass(cls) -> None:
        cls.daemon = Daemon()

    @classmethod
    def tearDownClass(cls) -> None:
        cls.daemon.close()

    def setUp(self) -> None:
        self.outputs: List[oast.Output] = []
        self.answers: List[Optional[str]] = []  # to what the kernel asks
        self.asked: List[Any] = []
        self.w = self.start()

    def start(self, **options: Any) -> oast.Worker:
        options.setdefault("trust", self.trust)
        return self.daemon.broker.start(self.spec, on_output=self.outputs.append,
                                        on_input=self._on_input, **options)

    def _on_input(self, prompt: str, password: bool) -> Optional[str]:
        self.asked.append((prompt, password))
        return self.answers.pop(0) if self.answers else None

    def tearDown(self) -> None:
        self.w.close()

    def eval(self, code: str, **options: Any) -> Any:
        return self.w.with_options(timeout=GENEROUS).remote_eval_fetch(code, **options)

    def failure(self, code: str, **options: Any) -> oast.Failure:
        with self.assertRaises(oast.Error) as raised:
            self.eval(code, **options)
        return raised.exception.failure

    @property
    def text(self) -> str:
        return "".join(output.text for output in self.outputs)

    @property
    def displays(self) -> List[Any]:
        return [dict(output.data) for output in self.outputs if output.stream == "display"]

    def start_running(self, code: str) -> Any:
        """Starts code, and returns once it runs."""
        started = len(self.outputs)
        future = self.w.remote_eval("print('running')\n" + code)
        eventually(lambda: len(self.outputs) > started, "the code runs")
        return future
