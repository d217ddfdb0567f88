"""Real Jupyter clients on real kernelspecs, as `oast jupyter install` writes them."""

import contextlib
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest
from queue import Empty
from typing import Any, Dict, Iterator, List, Tuple

from kit import GENEROUS, PROGRAMS, eventually, exists  # noqa: F401

_scratch = tempfile.TemporaryDirectory(prefix="oast-test.")
SCRATCH = pathlib.Path(_scratch.name)

# Kernels take the python3 that runs the tests.
os.environ["PATH"] = os.pathsep.join([os.path.dirname(sys.executable), os.environ["PATH"]])
# Before jupyter_client is imported, which reads them once.
os.environ["JUPYTER_PATH"] = str(SCRATCH / "share" / "jupyter")
os.environ["JUPYTER_RUNTIME_DIR"] = str(SCRATCH / "runtime")
os.environ["JUPYTER_CONFIG_DIR"] = str(SCRATCH / "config")
os.environ["XDG_STATE_HOME"] = str(SCRATCH / "state")

from jupyter_client.manager import KernelManager  # type: ignore[import]  # noqa: E402


def oast(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([str(PROGRAMS / "oast"), *arguments], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, timeout=GENEROUS)


_installed = oast("jupyter", "install", "--prefix", str(SCRATCH))
assert _installed.returncode == 0, _installed.stderr


class Frontend:
    """A kernel and its blocking client."""

    def __init__(self, spec: str) -> None:
        self.manager = KernelManager(kernel_name="oast-" + spec)
        self.manager.start_kernel(stderr=subprocess.DEVNULL)
        self.client = self.manager.client()
        self.connect()

    def connect(self) -> None:
        self.client.start_channels()
        self.client.wait_for_ready(timeout=GENEROUS)

    @property
    def pid(self) -> int:
        return int(self.manager.provisioner.process.pid)

    def close(self) -> None:
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)
        self.manager.cleanup_resources()

    def shell(self) -> Dict[str, Any]:
        """The next reply."""
        return dict(self.client.get_shell_msg(timeout=GENEROUS))

    def iopub(self) -> Dict[str, Any]:
        return dict(self.client.get_iopub_msg(timeout=GENEROUS))

    def outputs(self, request: str) -> List[Dict[str, Any]]:
        """What is published for a request, from its busy to its idle, both left out."""
        found: List[Dict[str, Any]] = []
        while True:
            message = self.iopub()
            if message["parent_header"].get("msg_id") != request:
                continue
            if message["msg_type"] != "status":
                found.append(message)
            elif message["content"]["execution_state"] == "idle":
                return found

    def run(self, code: str, **options: Any) -> Tuple[Dict[str, Any], List[Dict[str, Any]]]:
        """The reply's content, and what was published for the cell."""
        request = self.client.execute(code, **options)
        reply = self.shell()
        assert reply["parent_header"]["msg_id"] == request, reply
        return reply["content"], self.outputs(request)

    def text(self, code: str) -> str:
        """What the cell prints on stdout; it must not fail."""
        reply, outputs = self.run(code)
        assert reply["status"] == "ok", reply
        return "".join(o["content"]["text"] for o in outputs if o["msg_type"] == "stream")

    def interrupt(self) -> None:
        """By a message, as kernelspecs say; returns when it is answered."""
        self.client.control_channel.send(self.client.session.msg("interrupt_request", {}))
        reply = self.client.get_control_msg(timeout=GENEROUS)
        assert reply["msg_type"] == "interrupt_reply", reply


@contextlib.contextmanager
def frontend(spec: str) -> Iterator[Frontend]:
    made = Frontend(spec)
    try:
        yield made
    finally:
        made.close()


def kinds(outputs: List[Dict[str, Any]]) -> List[str]:
    return [output["msg_type"] for output in outputs]


def nothing_left(channel: Any) -> bool:
    try:
        channel(timeout=0)
    except Empty:
        return True
    return False


TestCase = unittest.TestCase
