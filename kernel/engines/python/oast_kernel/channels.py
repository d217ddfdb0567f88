"""Bounded queues that live in this kernel, for hosts and for the code here."""

from __future__ import annotations


from .kernel import Kernel

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Iterator, Optional

_kernel: Optional[Kernel] = None


def use(kernel: Kernel) -> None:
    """Where channels live from now on."""
    global _kernel
    _kernel = kernel


class RemoteChannel:
    """A bounded queue. Iterating takes until it is closed and empty. For any thread."""

    def __init__(self, capacity: int = 1) -> None:
        if _kernel is None:
            raise RuntimeError("channels live in a kernel, and this process is none")
        if capacity < 0:
            raise ValueError("a channel's capacity is 0 or more, not %d" % capacity)
        self._kernel = _kernel
        self.id = _kernel.make_channel(capacity)

    def put(self, value: Any) -> None:
        """Wait for room. Raise EOFError when the channel is closed."""
        if not self._kernel.put(self.id, value):
            raise EOFError("the channel is closed")

    def take(self) -> Any:
        """Wait for a value. Raise EOFError when the channel is closed and empty."""
        open_, value = self._kernel.take(self.id)
        if not open_:
            raise EOFError("the channel is closed and empty")
        return value

    def ready(self) -> bool:
        """Whether take() would not wait."""
        return self._kernel.ready(self.id)

    def close(self) -> None:
        """What it holds can still be taken."""
        self._kernel.close_channel(self.id)

    def __iter__(self) -> Iterator[Any]:
        while True:
            open_, value = self._kernel.take(self.id)
            if not open_:
                return
            yield value

    def __reduce__(self) -> Any:
        raise TypeError("a RemoteChannel lives in its kernel; ask for it as a channel")

    def __repr__(self) -> str:
        return "RemoteChannel(id=%d)" % self.id
