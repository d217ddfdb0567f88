"""The Python kernel of oast. What code in a kernel may use of it:

    display(value)           shows it in all forms it has; clear_output() takes that away
    RemoteChannel(capacity)  a queue between this kernel and its hosts
    call(function, args, kwargs)
    finish()                 what python does at the end of a program: threads, atexit, open files
    broker()                 what a host library needs to be a host of the same broker
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Optional, Tuple

__all__ = ["Channel", "RemoteChannel", "RemoteError", "broker", "call", "clear_output", "display",
           "finish", "update_display"]

_connection: Any = None

# Loaded when asked for: where each name is.
_HOMES = {"Channel": "channels", "RemoteChannel": "channels", "RemoteError": "values",
          "call": "calls", "clear_output": "displays", "display": "displays",
          "finish": "process", "update_display": "displays"}


def broker() -> Optional[Tuple[str, str]]:
    """The directory of this kernel's broker and a secret, for a host in this process; nothing when
    the broker does not allow it, or when this is no kernel."""
    return _connection.broker() if _connection is not None else None


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError("module 'oast_kernel' has no attribute %r" % name)
    import importlib
    module = importlib.import_module("." + _HOMES[name], __name__)
    return getattr(module, "RemoteChannel" if name == "Channel" else name)
