"""sys.stdout, sys.stderr and sys.stdin of a kernel, and whose output it is."""

from __future__ import annotations

import contextvars
import io
import os
import sys
import threading

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Iterable, List, Optional, Union

    # Sends bytes as output of a request: (tag, stream, bytes).
    Send = Callable[[int, int, bytes], None]

# The request that the code running here belongs to; tasks of asyncio inherit it.
request_tag: "contextvars.ContextVar[Optional[int]]" = contextvars.ContextVar("oast_request")
_ATTRIBUTE = "_oast_request"
_INPUT_BLOCK = 65536  # bytes


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


class ByteInput(io.BufferedIOBase):
    """The bytes of the running request's standard input, as its host gives them: when some are
    wanted and none are left, the next block is asked for."""

    name = "<stdin>"
    mode = "rb"

    def __init__(self, read: Callable[[int], bytes]) -> None:
        self._read = read
        self._block = b""
        self._at = 0  # so much of the block was taken
        self.begun = False  # by this request

    def forget_rest(self) -> None:
        """What one request leaves unread is not for the next."""
        self._block, self._at, self.begun = b"", 0, False

    def _fill(self) -> bool:
        """Asks for a block if there is nothing left. False at the end of the input."""
        if self._at == len(self._block):
            self.begun = True
            self._block, self._at = self._read(_INPUT_BLOCK), 0
        return bool(self._block)

    def _take(self, size: int) -> bytes:
        taken = self._block[self._at:self._at + size]
        self._at += len(taken)
        return taken

    def read1(self, size: Optional[int] = -1) -> bytes:
        size = _INPUT_BLOCK if size is None or size < 0 else size
        return self._take(size) if size and self._fill() else b""

    def read(self, size: Optional[int] = -1) -> bytes:
        parts = []
        left = -1 if size is None else size
        while left and self._fill():
            parts.append(self._take(len(self._block) if left < 0 else left))
            left -= len(parts[-1]) if left > 0 else 0
        return b"".join(parts)

    def readinto1(self, buffer: Any) -> int:
        view = memoryview(buffer).cast("B")
        data = self.read1(len(view))
        view[:len(data)] = data
        return len(data)

    def readline(self, size: Optional[int] = -1) -> bytes:
        parts = []
        left = -1 if size is None else size
        while left and self._fill():
            end = self._block.find(b"\n", self._at) + 1 or len(self._block)
            parts.append(self._take(end - self._at if left < 0 else min(end - self._at, left)))
            left -= len(parts[-1]) if left > 0 else 0
            if parts[-1].endswith(b"\n"):
                break
        return b"".join(parts)

    def peek(self, _size: int = 0) -> bytes:
        return self._block[self._at:] if self._fill() else b""

    def readable(self) -> bool:
        return True

    def fileno(self) -> int:
        return 0

    def isatty(self) -> bool:
        return False

    def close(self) -> None:
        """The stream is the kernel's; it stays open."""


class TextInput(io.TextIOBase):
    """sys.stdin: the text of the bytes, with the ends of lines that Python has them have."""

    encoding = "utf-8"
    errors = "strict"
    newlines = None
    name = "<stdin>"
    mode = "r"

    def __init__(self, buffer: ByteInput) -> None:
        self.buffer = buffer
        self.forget_rest()

    def forget_rest(self) -> None:
        """What one request leaves unread is not for the next."""
        self.buffer.forget_rest()
        self._decoder = self._new_decoder()
        self._text = ""
        self._at = 0  # so much of the text was taken

    def _new_decoder(self) -> io.IncrementalNewlineDecoder:
        import codecs
        return io.IncrementalNewlineDecoder(
            codecs.getincrementaldecoder(self.encoding)(self.errors), translate=True)

    @property
    def begun(self) -> bool:
        """The running request has read from here."""
        return self.buffer.begun

    def reconfigure(self, *, encoding: Optional[str] = None, errors: Optional[str] = None,
                    **_options: Any) -> None:
        """As io.TextIOWrapper's, for what has not been read yet."""
        if encoding is not None:
            self.encoding, self.errors = encoding, errors or "strict"
        elif errors is not None:
            self.errors = errors
        self._decoder = self._new_decoder()

    def _fill(self) -> bool:
        """Adds text. False at the end of the input."""
        while True:
            data = self.buffer.read1(_INPUT_BLOCK)
            text = self._decoder.decode(data, final=not data)
            if text or not data:
                self._text, self._at = self._text[self._at:] + text, 0
                return bool(text)

    def _take(self, end: int) -> str:
        text, self._at = self._text[self._at:end], end
        return text

    def readline(self, size: Optional[int] = -1) -> str:  # type: ignore[override]
        most = -1 if size is None or size < 0 else size
        searched = self._at
        while True:
            end = self._text.find("\n", searched) + 1
            if end or 0 <= most <= len(self._text) - self._at:
                end = end or len(self._text)
                break
            unread = len(self._text) - self._at
            if not self._fill():
                end = len(self._text)
                break
            searched = self._at + unread
        return self._take(end if most < 0 else min(end, self._at + most))

    def read(self, size: Optional[int] = -1) -> str:
        if size is None or size < 0:
            rest = self.buffer.read()
            text = self._text[self._at:] + self._decoder.decode(rest, final=True)
            self._text, self._at = "", 0
            return text
        while len(self._text) - self._at < size and self._fill():
            pass
        return self._take(min(self._at + size, len(self._text)))

    def readlines(self, hint: Optional[int] = -1) -> List[str]:  # type: ignore[override]
        lines: List[str] = []
        size = 0
        for line in self:
            lines.append(line)
            size += len(line)
            if hint is not None and 0 < hint <= size:
                break
        return lines

    def readable(self) -> bool:
        return True

    def fileno(self) -> int:
        return 0

    def isatty(self) -> bool:
        return False

    def close(self) -> None:
        """The stream is the kernel's; it stays open."""


def make_input(ask: Callable[[str, bool], Optional[str]], stdin: TextInput) -> Callable[..., str]:
    """The builtin input(). Once code has read from sys.stdin, lines come from there until its
    request ends: some of them may have been read ahead."""

    def input(prompt: object = "", /) -> str:  # noqa: A001
        """Ask the host for a line, without its newline. Raise EOFError at the end of its input."""
        line: Optional[str]
        if stdin.begun:
            sys.stdout.write(str(prompt))
            text = stdin.readline()
            line = text[:-1] if text.endswith("\n") else text or None
        else:
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
