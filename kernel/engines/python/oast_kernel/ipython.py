"""IPython as the executor: its magics, `!commands`, tracebacks and completer. `--ipython`."""

import re
import sys
from typing import Any, Dict, List

from IPython.core import page, payloadpage  # type: ignore[import]
from IPython.core.displayhook import DisplayHook  # type: ignore[import]
from IPython.core.displaypub import DisplayPublisher  # type: ignore[import]
from IPython.core.error import TryNext  # type: ignore[import]
from IPython.core.interactiveshell import InteractiveShell  # type: ignore[import]
from traitlets.config.loader import Config

from . import completion, displays, tracebacks
from .executor import Executor
from .library import CODE_COMPLETE, CODE_INCOMPLETE, CODE_INVALID, CODE_UNKNOWN

_STATUSES = {"complete": CODE_COMPLETE, "incomplete": CODE_INCOMPLETE, "invalid": CODE_INVALID}
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


class _Publisher(DisplayPublisher):  # type: ignore[misc]
    """IPython.display.display and what stands on it."""

    def publish(self, data: Dict[str, Any], metadata: Any = None, source: Any = None, *,
                transient: Any = None, update: bool = False, **_options: Any) -> None:
        displays.emit(data, (transient or {}).get("display_id") or "", update, metadata=metadata)

    def clear_output(self, wait: bool = False) -> None:
        displays.clear_output(wait)


class _Hook(DisplayHook):  # type: ignore[misc]
    """The value is the request's, so it is displayed only if that is wanted; IPython's Out and _ are
    kept."""

    displays = False

    def write_output_prompt(self) -> None:
        pass

    def compute_format_data(self, result: Any) -> Any:
        return super().compute_format_data(result) if self.displays else ({}, {})

    def write_format_data(self, format_dict: Any, md_dict: Any = None) -> None:
        if format_dict:  # not of a value that displays itself
            displays.emit(format_dict, result=True, metadata=md_dict)

    def finish_displayhook(self) -> None:
        pass


class _Shell(InteractiveShell):  # type: ignore[misc]
    """Keeps tracebacks instead of printing them."""

    @property
    def kernel(self) -> Any:
        """Where widgets find the comms."""
        from . import comms
        return comms.kernel

    def init_display_pub(self) -> None:
        self.display_pub = _Publisher(parent=self)

    def init_displayhook(self) -> None:
        self.displayhook_class = _Hook
        super().init_displayhook()

    def showtraceback(self, exc_tuple: Any = None, *arguments: Any, **options: Any) -> None:
        error = exc_tuple[1] if exc_tuple else sys.exc_info()[1]
        if error is not None:
            tracebacks.drop_inner(error)
        super().showtraceback(exc_tuple, *arguments, **options)

    def _showtraceback(self, etype: Any, evalue: Any, stb: Any) -> None:
        text = self.InteractiveTB.stb2text(stb) if not isinstance(stb, str) else stb
        if not self.displayhook.displays:
            text = _COLOURS.sub("", text)
        tracebacks.prepare(evalue, text.split("\n"))

    def enable_gui(self, gui: Any = None) -> None:
        """`%matplotlib inline` asks for none, by its own name in some versions."""
        if gui and gui != "inline":
            raise NotImplementedError("a kernel has no event loop of a GUI, so not %s's" % gui)

    def set_next_input(self, s: str, replace: bool = False) -> None:
        self.payload_manager.write_payload(
            {"source": "set_next_input", "text": s, "replace": replace})


class IPythonExecutor(Executor):
    """For the main thread, as Executor."""

    def __init__(self, gate: Any) -> None:
        super().__init__(gate)
        config: Any = Config()  # type: ignore[no-untyped-call]
        config.HistoryManager.enabled = False
        config.InteractiveShell.colors = "NoColor"
        config.InteractiveShell.ast_node_interactivity = "last_expr"
        config.IPCompleter.use_jedi = False
        self._shell = _Shell.instance(config=config, user_module=sys.modules["__main__"],
                                      user_ns=self.namespace)
        self._shell.loop_runner = self._wait
        self._shell.autoawait = True
        self._shell.system = self._shell.system_raw  # streams, where the other one collects
        self._shell.set_hook("show_in_pager", page.as_hook(self._show_in_pager))
        self._is_notebook = False

    def offer(self, name: str, value: Any) -> None:
        super().offer(name, value)
        self._shell.user_ns_hidden[name] = value  # the user has not made it, so %who is silent of it

    def evaluate(self, code: str, source_name: str, arguments: List[Any]) -> Any:
        if source_name or arguments:
            self._become_script(source_name, arguments)
        # Code that has a name is no cell.
        result = self._shell.run_cell(code, store_history=not source_name)
        error = result.error_before_exec or result.error_in_exec
        if self._gate.raised and type(error).__name__ == "CancelledError":
            raise KeyboardInterrupt  # IPython has caught what an interrupt cancelled
        if error is not None:
            raise error
        return result.result

    def evaluate_displayed(self, code: str, source_name: str, arguments: List[Any]) -> None:
        """For a notebook: with colours, and what IPython wants its frontend to do."""
        shell = self._shell
        displays.notebook = True
        if not self._is_notebook:
            self._is_notebook = True
            shell.run_line_magic("colors", "Neutral")
            # By these libraries know a notebook: tqdm, rich.
            type(shell).__name__ = "ZMQInteractiveShell"
            shell.config.IPKernelApp = Config()  # type: ignore[no-untyped-call]
        shell.displayhook.displays = True
        try:
            self.evaluate(code, source_name, arguments)
        finally:
            shell.displayhook.displays = False
            payloads = shell.payload_manager.read_payload()
            shell.payload_manager.clear_payload()
            for payload in payloads:
                displays.emit({displays.PAYLOAD: payload})

    def _show_in_pager(self, text: Any, start: int = 0, screen_lines: int = 0,
                       pager_cmd: Any = None) -> None:
        if not self._shell.displayhook.displays:
            raise TryNext
        payloadpage.page(text, start, screen_lines, pager_cmd)

    def of_lane(self, gate: Any) -> Executor:
        """IPython's shell runs one cell at a time; a lane has its syntax, and Python's tracebacks."""
        return _LaneExecutor(super().of_lane(gate), self._shell)

    def editing(self) -> "Editing":
        return Editing(self._shell)


class _LaneExecutor(Executor):
    """For the thread of a lane."""

    def __init__(self, plain: Executor, shell: Any) -> None:
        vars(self).update(vars(plain))
        self._shell = shell

    def evaluate(self, code: str, source_name: str, arguments: List[Any]) -> Any:
        return super().evaluate(self._shell.transform_cell(code), source_name, arguments)


class Editing:
    """As the module completion, by IPython. On the query thread."""

    def __init__(self, shell: Any) -> None:
        self._shell = shell
        self.inspect_at = completion.inspect_at

    def complete(self, code: str, cursor: int, _namespace: Any) -> completion.Completions:
        before = code.encode()[:cursor].decode("utf-8", "ignore")
        line = before[before.rfind("\n") + 1:]
        text, matches = self._shell.Completer.complete(line_buffer=line, cursor_pos=len(line))
        return completion.Completions(list(matches), cursor - len(text.encode()), cursor)

    def is_complete(self, code: str) -> Any:
        status, spaces = self._shell.input_transformer_manager.check_complete(code)
        return _STATUSES.get(status, CODE_UNKNOWN), " " * (spaces or 0)
