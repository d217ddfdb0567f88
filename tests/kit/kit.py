"""What the tests in Python share."""

import importlib.util
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import threading
import time
from typing import Any, Callable, Dict

import oast

GENEROUS = 60.0  # seconds; a deadline that only a failing test meets
PROGRAMS = pathlib.Path(os.environ["OAST_LIBEXEC"])
ENGINE = pathlib.Path(__file__).resolve().parents[2] / "kernel/engines/python"


def has(module: str) -> bool:
    """Whether the kernels' Python, which is ours, can import it."""
    return importlib.util.find_spec(module) is not None


def eventually(fact: Callable[[], Any], what: str) -> None:
    """Blocks until fact() is true."""
    deadline = time.monotonic() + GENEROUS
    while not fact():
        if time.monotonic() > deadline:
            raise AssertionError(f"never: {what}")
        time.sleep(0.005)


def exists(pid: int) -> bool:
    """Whether the process exists and is no zombie."""
    try:
        stat = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rsplit(")", 1)[1].split()[0] != "Z"


def run_python(code: str, *arguments: str, timeout: float = 60, **options: Any) -> Any:
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
    """A broker process in a directory of its own, with these specs, and a host of it. Ready when
    made."""

    def __init__(self, specs: Dict[str, Any]) -> None:
        self._scratch = tempfile.TemporaryDirectory(prefix="oast-test.")
        scratch = pathlib.Path(self._scratch.name)
        self.directory = str(scratch / "broker")
        config = scratch / "oast.json"
        config.write_text(json.dumps({"specs": specs}))
        self._process = subprocess.Popen(
            [str(PROGRAMS / "oast-broker"), "--config", str(config),
             "--runtime-dir", self.directory, "--data-dir", self.directory],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        assert self._process.stderr is not None
        self._process.stderr.readline()  # "... ready in ..."
        # Its log goes on; somebody has to read it.
        self._log = threading.Thread(target=self._process.stderr.read)
        self._log.start()
        self.broker = oast.connect(self.directory)

    @property
    def pid(self) -> int:
        return self._process.pid

    def kill(self) -> None:
        """SIGKILL. Instead of `close`."""
        self._end(signal.SIGKILL)

    def close(self) -> None:
        self.broker.close()
        self._end(signal.SIGTERM)

    def _end(self, how: int) -> None:
        self._process.send_signal(how)
        self._process.wait(GENEROUS)
        self._log.join()
        assert self._process.stderr is not None
        self._process.stderr.close()
        self._scratch.cleanup()

    def __enter__(self) -> "Daemon":
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()
