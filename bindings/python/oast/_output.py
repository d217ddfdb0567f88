"""What workers print and ask for, on its way to Python."""

from __future__ import annotations

import ctypes
import dataclasses
import itertools
import os
import sys
import threading
from typing import Any, Callable, Dict, Mapping, Optional, Union

from . import _library, _structures
from ._library import lib

STREAMS = ("stdout", "stderr", "display", "clear")


@dataclasses.dataclass(frozen=True)
class Output:
    """Something that a request printed or showed, or (clear) what it showed and takes back."""

    stream: str  # one of STREAMS
    text: str  # of stdout and stderr
    data: Mapping[str, Union[str, bytes]]  # of a display, by MIME type
    display_id: str = ""  # of a display: its name for later updates
    update: bool = False  # of a display: it replaces what was shown under display_id
    wait: bool = False  # of a clear: only when the next output comes


OnOutput = Callable[[Output], None]
OnInput = Callable[[str, bool], Optional[str]]


class Sink:
    """Where output and input requests of a worker or of one request go."""

    def __init__(self, on_output: Optional[OnOutput], on_input: Optional[OnInput]) -> None:
        self.on_output = on_output
        self.on_input = on_input

    def flush(self) -> None:
        """A request has ended."""


class Printer(Sink):
    """Prints whole lines on the host's own streams, marked with the worker's name."""

    def __init__(self, stdout: bool, stderr: bool, on_input: Optional[OnInput]) -> None:
        super().__init__(self._print, on_input)
        self.name = ""  # known once it has started
        self._wanted = {"stdout": stdout, "stderr": stderr, "display": stdout, "clear": False}
        self._lock = threading.Lock()
        self._rest = {"stdout": "", "stderr": ""}  # of a line

    def _print(self, output: Output) -> None:
        if not self._wanted[output.stream]:
            return
        text = output.text
        stream = "stderr" if output.stream == "stderr" else "stdout"
        if output.stream == "display":
            plain = output.data.get("text/plain", "")
            text = f"{plain!s}\n" if plain else ""
        with self._lock:
            lines = (self._rest[stream] + text).split("\n")
            self._rest[stream] = lines.pop()
            self._write(stream, lines)

    def flush(self) -> None:
        with self._lock:
            for stream, rest in self._rest.items():
                if rest:
                    self._rest[stream] = ""
                    self._write(stream, [rest])

    def _write(self, stream: str, lines: "list[str]") -> None:
        to = getattr(sys, stream)
        if lines and to is not None:
            to.write("".join(f"From worker {self.name}: {line}\n" for line in lines))
            to.flush()


_sinks: Dict[int, Sink] = {}
_numbers = itertools.count(1)


def _read(view: _structures.OutputView) -> Output:
    data: Dict[str, Union[str, bytes]] = {}
    for i in range(view.parts_count):
        part = view.parts[i]
        content = ctypes.string_at(part.data, part.size)
        data[part.mime.decode()] = content.decode() if part.is_text else content
    return Output(
        STREAMS[view.stream],
        str(view.text),
        data,
        view.display_id.decode(),
        bool(view.update),
        bool(view.wait),
    )


def _on_output(number: int, view: Any) -> None:
    sink = _sinks.get(number)
    if sink is not None and sink.on_output is not None:
        sink.on_output(_read(view.contents))


def _on_input(number: int, prompt: _structures.Text, password: int, line: int) -> None:
    sink = _sinks.get(number)
    if sink is None or sink.on_input is None:
        return
    answer = sink.on_input(str(prompt), bool(password))
    if answer is not None:
        data = answer.encode()
        lib.oast_line_set(line, _library.text_of(data))


_ON_OUTPUT = _structures.ON_OUTPUT(_on_output)
_ON_INPUT = _structures.ON_INPUT(_on_input)
_OUTPUT_ADDRESS = ctypes.cast(_ON_OUTPUT, ctypes.c_void_p).value
_INPUT_ADDRESS = ctypes.cast(_ON_INPUT, ctypes.c_void_p).value


def connect(sink: Sink) -> "tuple[int, _structures.Callbacks]":
    """Callbacks that reach the sink until `disconnect` of the number. Late ones reach nobody."""
    number = next(_numbers)
    _sinks[number] = sink
    callbacks = _structures.Callbacks(context=number)
    if sink.on_output is not None:
        callbacks.on_output = _OUTPUT_ADDRESS
    if sink.on_input is not None:
        callbacks.on_input = _INPUT_ADDRESS
    return number, callbacks


def disconnect(number: int) -> None:
    _sinks.pop(number, None)


os.register_at_fork(after_in_child=_sinks.clear)
