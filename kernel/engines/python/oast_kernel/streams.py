"""sys.stdout, sys.stderr and sys.stdin of a kernel, and whose output it is."""

from __future__ import annotations

import contextvars
import io
import os
import threading

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Iterable, List, Optional, Union

    # Sends bytes as output of a request: (tag, stream, bytes).
    Send = Callable[[int, int, bytes], None]

# The request that the code running here belongs to; tasks of asyncio inherit it.
request_tag: "contextvars.ContextVar[Optional[int]]" = contextvars.ContextVar("oast_request")
_ATTRIBUTE = "_oast_request"


def current_tag() -> int:
    """The tag of the request whose code calls; 0: unknown."""
    tag = request_tag.get(None)
    if tag is None:
        tag = getattr(threading.current_thread(), _ATTRIBUTE, 0)
    return tag


def tag_threads() -> None:
    """Threads belong to the request that started them, from now on."""
    start = threading.Thread.start

    def tagged_start(self: threading.Thread) -> None:
        setattr(self, _ATTRIBUTE, current_tag())
        start(self)

    tagged_start.__name__, tagged_start.__doc__ = "start", start.__doc__
    threading.Thread.start = tagged_start  # type: ignore[assignment]


class ByteOutput(io.RawIOBase):
    """What is written goes out in order with everything else: soon, or when it is flushed, from when
    on it survives the kernel."""

    def __init__(self, descriptor: int, send: Send, flush: Callable[[], None]) -> None:
        self._descriptor = descriptor
        self._stream = descriptor - 1
        self._send: Optional[Send] = send
        self._flush = flush
        self.mode = "wb"

    def forget_kernel(self) -> None:
        """In a forked child: writes to the descriptor, which the parent captures."""
        self._send = None

    def write(self, data: Any) -> int:
        if type(data) is not bytes:
            data = bytes(memoryview(data))
        if self._send is not None:
            self._send(current_tag(), self._stream, data)
        else:
            rest = data
            while rest:
                rest = rest[os.write(self._descriptor, rest):]
        return len(data)

    def flush(self) -> None:
        if self._send is not None:
            self._flush()

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._descriptor

    def close(self) -> None:
        """The stream is the kernel's; it stays open."""


class TextOutput(io.TextIOBase):
    """sys.stdout or sys.stderr."""

    encoding = "utf-8"
    errors = "backslashreplace"
    newlines = None
    line_buffering = True
    write_through = True
    mode = "w"

    def __init__(self, name: str, buffer: ByteOutput) -> None:
        self.name = name
        self.buffer = buffer

    def write(self, text: str) -> int:
        if not isinstance(text, str):
            raise TypeError("write() argument must be str, not %s" % type(text).__name__)
        if text:
            self.buffer.write(text.encode("utf-8", "backslashreplace"))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:  # type: ignore[override]
        self.write("".join(lines))

    def flush(self) -> None:
        self.buffer.flush()

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self.buffer.fileno()

    def isatty(self) -> bool:
        return False

    def close(self) -> None:
        """The stream is the kernel's; it stays open."""

    def reconfigure(self, **_options: Any) -> None:
        """Everything is written through as UTF-8 anyway."""


class TextInput(io.TextIOBase):
    """sys.stdin: lines that the host gives when asked, nothing at its end of input."""

    encoding = "utf-8"
    errors = "strict"
    newlines = None
    name = "<stdin>"
    mode = "r"

    def __init__(self, ask: Callable[[str, bool], Optional[str]]) -> None:
        self._ask = ask
        self._rest = ""

    def forget_rest(self) -> None:
        """What one request leaves unread is not for the next."""
        self._rest = ""

    def _fill(self) -> bool:
        line = self._ask("", False)
        if line is None:
            return False
        self._rest += line + "\n"
        return True

    def readline(self, size: Optional[int] = -1) -> str:  # type: ignore[override]
        if size is None or size < 0:
            size = -1
        if not self._rest and size != 0:
            self._fill()
        end = self._rest.find("\n") + 1 or len(self._rest)
        return self._take(end if size < 0 else min(end, size))

    def read(self, size: Optional[int] = -1) -> str:
        if size is None or size < 0:
            while self._fill():
                pass
            return self._take(len(self._rest))
        while len(self._rest) < size and self._fill():
            pass
        return self._take(size)

    def _take(self, size: int) -> str:
        text, self._rest = self._rest[:size], self._rest[size:]
        return text

    def readlines(self, hint: Optional[int] = -1) -> List[str]:  # type: ignore[override]
        return self.read().splitlines(True)

    def readable(self) -> bool:
        return True

    def fileno(self) -> int:
        return 0

    def isatty(self) -> bool:
        return False


def make_input(ask: Callable[[str, bool], Optional[str]]) -> Callable[..., str]:
    """The builtin input()."""

    def input(prompt: object = "", /) -> str:  # noqa: A001
        """Ask the host for a line, without its newline. Raise EOFError at the end of its input."""
        line = ask(str(prompt), False)
        if line is None:
            raise EOFError("the host has no more input")
        return line

    return input


def make_getpass(ask: Callable[[str, bool], Optional[str]]) -> Callable[..., str]:
    """getpass.getpass."""

    def getpass(prompt: str = "Password: ", stream: Union[None, Any] = None) -> str:
        """Ask the host for a password."""
        line = ask(str(prompt), True)
        if line is None:
            raise EOFError("the host has no more input")
        return line

    return getpass
