"""What the tests of the Python host share."""

import importlib.util
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time
import unittest

import oast

GENEROUS = 20.0  # seconds; a deadline that only a failing test meets
PROGRAMS = pathlib.Path(os.environ["OAST_LIBEXEC"])
_PACKAGES = pathlib.Path(oast.__file__).parents[1]
_PYTHON = {
    "argv": [sys.executable, "-m", "oast_kernel"],
    "language": "python",
    "display_name": "Python",
    "env": {
        "PYTHONPATH": f"{_PACKAGES.parents[1]}/kernel/engines/python:{_PACKAGES}",
        "PYTHONDONTWRITEBYTECODE": "1",
        "OAST_KERNEL_LIBRARY": os.environ.get("OAST_KERNEL_LIBRARY", ""),
        "OAST_LIBRARY": os.environ["OAST_LIBRARY"],
    },
}


needs_cloudpickle = unittest.skipUnless(
    importlib.util.find_spec("cloudpickle"), "cloudpickle is not installed"
)


def eventually(fact, what):
    """Blocks until fact() is true."""
    deadline = time.monotonic() + GENEROUS
    while not fact():
        if time.monotonic() > deadline:
            raise AssertionError(f"never: {what}")
        time.sleep(0.005)


def exists(pid):
    """Whether the process exists and is no zombie."""
    try:
        stat = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rsplit(")", 1)[1].split()[0] != "Z"


def run_python(code, *arguments, timeout=60, **options):
    """Runs a program to its end."""
    return subprocess.run(
        # Later versions of Python warn of every fork of a process with threads.
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", code, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        universal_newlines=True,
        timeout=timeout,
        **options,
    )


class Daemon:
    """A broker process in a directory of its own, whose spec `python` is this tree's kernel."""

    def __enter__(self):
        self._scratch = tempfile.TemporaryDirectory(prefix="oast-test.")
        self.directory = os.path.join(self._scratch.name, "broker")
        config = pathlib.Path(self._scratch.name, "oast.json")
        config.write_text(json.dumps({"specs": {"python": _PYTHON}}))
        self._process = subprocess.Popen(
            [PROGRAMS / "oast-broker", "--config", config, "--runtime-dir", self.directory,
             "--data-dir", self.directory],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        self._process.stderr.readline()  # "... ready in ..."
        return self

    @property
    def pid(self):
        return self._process.pid

    def __exit__(self, *_):
        self._process.send_signal(signal.SIGTERM)
        self._process.communicate(timeout=GENEROUS)
        self._scratch.cleanup()


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
        cls._daemon = Daemon()
        cls._daemon.__enter__()
        cls.broker = oast.connect(cls._daemon.directory)

    @classmethod
    def tearDownClass(cls):
        cls.broker.close()
        cls._daemon.__exit__()

    def start(self, **options):
        w = self.broker.start("python", **options)
        self.addCleanup(w.close)
        return w


__all__ = [name for name in dir() if name[0] != "_"]
