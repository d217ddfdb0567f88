"""What the tests of the Python host share."""

import os
import pathlib
import sys
import unittest

import kit
import oast
from kit import ENGINE, GENEROUS, PROGRAMS, eventually, exists, has, run_python

_PACKAGES = pathlib.Path(oast.__file__).parents[1]
_PYTHON = {
    "argv": [sys.executable, "-m", "oast_kernel"],
    "language": "python",
    "display_name": "Python",
    "env": {
        "PYTHONPATH": f"{ENGINE}:{_PACKAGES}",
        "PYTHONDONTWRITEBYTECODE": "1",
        "OAST_KERNEL_LIBRARY": os.environ.get("OAST_KERNEL_LIBRARY", ""),
        "OAST_LIBRARY": os.environ["OAST_LIBRARY"],
    },
}

needs_cloudpickle = unittest.skipUnless(has("cloudpickle"), "cloudpickle is not installed")


class Daemon(kit.Daemon):
    """A broker process whose spec `python` is this tree's kernel."""

    def __init__(self):
        super().__init__({"python": _PYTHON})


class LuaTest(unittest.TestCase):
    """Tests with a Lua worker whose output is kept."""

    def setUp(self):
        self.outputs = []
        self.w = oast.Worker("lua", on_output=self.outputs.append)

    def tearDown(self):
        self.w.close()

    def start_running(self, code, worker=None):
        """Starts code, and returns once it runs."""
        worker = worker or self.w
        channel = worker.worker_channel("running = oast.channel(1) return running")
        future = worker.remote_eval("running:put(1) " + code)
        channel.take(GENEROUS)
        return future

    @property
    def text(self):
        return "".join(o.text for o in self.outputs)


class PythonTest(unittest.TestCase):
    """Tests with Python kernels of a daemon of their own."""

    @classmethod
    def setUpClass(cls):
        cls.daemon = Daemon()
        cls.broker = cls.daemon.broker

    @classmethod
    def tearDownClass(cls):
        cls.daemon.close()

    def start(self, **options):
        w = self.broker.start("python", **options)
        self.addCleanup(w.close)
        return w


__all__ = ["GENEROUS", "PROGRAMS", "Daemon", "LuaTest", "PythonTest", "eventually", "exists",
           "needs_cloudpickle", "run_python"]
