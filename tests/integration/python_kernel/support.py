"""What the tests of the Python kernel share: a broker whose spec is this tree's kernel, and workers
whose output is kept."""

import os
import sys
import unittest
from typing import Any, List, Optional

import kit
import oast
from kit import ENGINE, GENEROUS, PROGRAMS, eventually, has


class Daemon(kit.Daemon):
    """A broker process whose spec `python` is the kernel under test."""

    def __init__(self) -> None:
        environment = {"OAST_KERNEL_LIBRARY": os.environ["OAST_KERNEL_LIBRARY"]}
        main = str(ENGINE / "oast_kernel/__main__.py")
        super().__init__({name: {"argv": ["{exename}", "{exeflags}", main] + arguments,
                                 "exename": sys.executable,
                                 "language": "python", "display_name": name, "env": environment}
                          for name, arguments in (("python", []), ("ipython", ["--ipython"]))})


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


__all__ = ["ENGINE", "GENEROUS", "PROGRAMS", "Daemon", "KernelTest", "eventually", "has"]
