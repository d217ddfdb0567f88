"""Comms: pairs of objects, one here and one in a notebook's frontend, that send each other messages.
Widgets stand on them. The interface is that of the `comm` package and of `ipykernel.comm`, under
both of whose names it is found; the messages are those of Jupyter's protocol ("Custom Messages")."""

from __future__ import annotations

import json
import os
import sys
import traceback

from . import displays

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Optional

MIME = "application/vnd.jupyter.comm+json"
# In a message of ours it stands for the request that caused it, whose name only the frontend's side
# knows: a widget takes what that request prints.
PARENT = "oast:parent"


class Comm:
    """This side of a comm. Made by code (`primary`) it opens the other side; else that one did."""

    def __init__(self, target_name: str = "comm", data: Any = None, metadata: Any = None,
                 buffers: Any = None, comm_id: str = "", primary: bool = True,
                 target_module: Optional[str] = None, _open_data: Any = None,
                 _close_data: Any = None, **_options: Any) -> None:
        self.kernel = kernel
        self.comm_id = comm_id or os.urandom(16).hex()
        self.primary = primary
        self.target_name = target_name
        self.target_module = target_module
        self._open_data = _open_data
        self._close_data = _close_data
        self._on_msg: Any = None
        self._on_close: Any = None
        self._closed = True
        if primary:
            self.open(data, metadata, buffers)
        else:
            self._closed = False

    def open(self, data: Any = None, metadata: Any = None, buffers: Any = None) -> None:
        manager.register_comm(self)
        self._closed = False
        self._publish("comm_open", self._open_data if data is None else data, metadata, buffers,
                      target_name=self.target_name, target_module=self.target_module)

    def send(self, data: Any = None, metadata: Any = None, buffers: Any = None) -> None:
        self._publish("comm_msg", data, metadata, buffers)

    def close(self, data: Any = None, metadata: Any = None, buffers: Any = None,
              deleting: bool = False) -> None:
        if self._closed:
            return
        self._closed = True
        self._publish("comm_close", self._close_data if data is None else data, metadata, buffers)
        if not deleting:
            manager.unregister_comm(self)

    def __del__(self) -> None:
        if not sys.is_finalizing():
            self.close(deleting=True)

    def _publish(self, kind: str, data: Any, metadata: Any, buffers: Any, **more: Any) -> None:
        if not displays.notebook:  # there is no frontend that could have the other side
            return
        content = dict(more, comm_id=self.comm_id, data={} if data is None else data)
        message = {"type": kind, "content": content, "metadata": metadata or {}}
        displays.emit_parts([(MIME, displays.as_json(message))]
                            + [("application/octet-stream", bytes(b)) for b in buffers or ()])

    def on_msg(self, callback: Any) -> None:
        """Called with each message; None: with none."""
        self._on_msg = callback

    def on_close(self, callback: Any) -> None:
        """Called with the message by which the other side closes; None: not called."""
        self._on_close = callback

    def handle_msg(self, message: Any) -> None:
        if self._on_msg:
            self._on_msg(message)

    def handle_close(self, message: Any) -> None:
        if self._on_close:
            self._on_close(message)


class CommManager:
    """All comms, and who is told of those that the frontend opens."""

    def __init__(self) -> None:
        self.comms: Dict[str, Any] = {}
        self.targets: Dict[str, Any] = {}

    def register_target(self, target_name: str, f: Any) -> None:
        """`f(comm, message)`, or its import path, is called when the frontend opens such a comm."""
        if isinstance(f, str):
            from .calls import resolve
            f = resolve(f.replace(":", "."))
        self.targets[target_name] = f

    def unregister_target(self, target_name: str, f: Any = None) -> Any:
        return self.targets.pop(target_name)

    def register_comm(self, comm: Any) -> str:
        self.comms[comm.comm_id] = comm
        return str(comm.comm_id)

    def unregister_comm(self, comm: Any) -> None:
        self.comms.pop(comm.comm_id, None)

    def get_comm(self, comm_id: str) -> Any:
        return self.comms.get(comm_id)

    def comm_open(self, _stream: Any, _ident: Any, message: Any) -> None:
        content = message["content"]
        comm = Comm(content["target_name"], comm_id=content["comm_id"], primary=False)
        self.register_comm(comm)
        target = self.targets.get(comm.target_name)
        if target is None:  # frontends ask for what they may need, before anybody has imported it
            comm.close()
            return
        try:
            target(comm, message)
        except Exception:
            comm.close()
            raise

    def comm_msg(self, _stream: Any, _ident: Any, message: Any) -> None:
        comm = self.get_comm(message["content"]["comm_id"])
        if comm is not None:
            comm.handle_msg(message)

    def comm_close(self, _stream: Any, _ident: Any, message: Any) -> None:
        comm = self.comms.pop(message["content"]["comm_id"], None)
        if comm is not None:
            comm._closed = True
            comm.handle_close(message)


manager = CommManager()


class FrontendKernel:
    """What libraries ask IPython's shell, or a comm, for as its `kernel`."""

    def __init__(self) -> None:
        self.comm_manager = manager
        self._parent_header = {"header": {"msg_id": PARENT}}

    @property
    def shell(self) -> Any:
        ipython = sys.modules.get("IPython")
        return ipython.get_ipython() if ipython is not None else None

    def get_parent(self, _channel: str = "shell") -> Any:
        return self._parent_header


kernel = FrontendKernel()


def _tell_ipython(event: str) -> None:
    """As around a cell: figures that a widget has drawn are shown then, say."""
    if kernel.shell is not None:
        kernel.shell.events.trigger(event)


def receive(kind: str, content: str, metadata: str, *buffers: Any) -> None:
    """A message of the frontend: `kind` is "comm_open", "comm_msg" or "comm_close"; `content` and
    `metadata` are JSON. What it raises is shown, as nobody waits for the answer."""
    displays.notebook = True
    message = {"header": {"msg_type": kind}, "content": json.loads(content),
               "metadata": json.loads(metadata), "buffers": [memoryview(b) for b in buffers]}
    _tell_ipython("pre_execute")
    try:
        getattr(manager, kind)(None, None, message)
    except Exception:
        traceback.print_exc()
    finally:
        _tell_ipython("post_execute")


def _in_ipykernel(module: Any) -> None:
    module.Comm = module.comm.Comm = Comm
    module.CommManager = module.manager.CommManager = CommManager


def _in_comm(module: Any) -> None:
    if not hasattr(module, "create_comm"):
        return  # another one of that name
    module.create_comm = Comm
    module.get_comm_manager = lambda: manager


def replace(module: Any) -> None:
    """Puts ours into `comm` or `ipykernel.comm`."""
    (_in_comm if module.__name__ == "comm" else _in_ipykernel)(module)
