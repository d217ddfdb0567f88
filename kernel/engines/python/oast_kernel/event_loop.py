"""The one asyncio loop of a kernel: for top-level await, and what goes on between requests."""

import asyncio
import sys
from typing import Any, Coroutine

from . import tracebacks
from .interrupt import Gate

# Interrupts come every 50 ms; after so many a callback has kept the loop for too long.
_PATIENCE = 10


class EventLoop:
    """For the main thread. Imported and made when it is first needed, as asyncio is large."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._loop = asyncio.new_event_loop()

    def _open_loop(self) -> asyncio.AbstractEventLoop:
        """The loop; a new one when code has closed it, which ended what went on in it."""
        if self._loop.is_closed():
            self._loop = asyncio.new_event_loop()
        asyncio.set_event_loop(self._loop)
        return self._loop

    def run(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        """The coroutine's value. An interrupt cancels it where it waits."""
        loop, gate = self._open_loop(), self._gate
        main = loop.create_task(coroutine)
        gate.divert = _Diversion(loop, main, gate)
        try:
            return loop.run_until_complete(main)
        except asyncio.CancelledError:
            if gate.raised:
                raise KeyboardInterrupt from None
            raise
        finally:
            gate.divert = None
            # The interrupt hit something else that the loop ran.
            if not main.done() and not loop.is_closed():
                main.cancel()
                loop.run_until_complete(asyncio.wait([main]))

    def occupied(self) -> bool:
        """Whether there is something to go on with: tasks, timers, watched descriptors."""
        if self._loop.is_closed():
            return False
        if asyncio.all_tasks(self._loop):
            return True
        selector = getattr(self._loop, "_selector", None)
        watched = len(selector.get_map()) if selector is not None else 0
        return bool(getattr(self._loop, "_scheduled", ())) or watched > 1  # one is its own

    def run_until_readable(self, descriptor: int) -> None:
        """Goes on until there is something to read at `descriptor`."""
        asyncio.set_event_loop(self._loop)
        self._loop.add_reader(descriptor, self._loop.stop)
        try:
            self._loop.run_forever()
        except (SystemExit, KeyboardInterrupt) as error:
            # Of a task: nobody waits for it, and it must not end the kernel.
            print(*tracebacks.Report(error).lines, sep="\n", file=sys.stderr)
        finally:
            self._loop.remove_reader(descriptor)


class _Diversion:
    """What an interrupt does while the loop runs a request: where the loop waits, it cancels the
    task; where code runs, an exception is raised in it as in any other code. Tasks of earlier
    requests are not meant, unless one keeps the loop for too long."""

    def __init__(self, loop: asyncio.AbstractEventLoop, main: "asyncio.Task[Any]",
                 gate: Gate) -> None:
        self._loop = loop
        self._main = main
        self._gate = gate
        self._orders = 0
        self._earlier = asyncio.all_tasks(loop) - {main}

    def __call__(self) -> bool:
        self._orders += 1
        running = asyncio.current_task(self._loop)
        meant = running is not None and running not in self._earlier
        if meant or self._orders > _PATIENCE:
            return False
        if self._orders == 1:
            self._loop.call_soon_threadsafe(self._cancel)
        return True

    def _cancel(self) -> None:
        self._gate.note_raised()
        self._orders = 0  # another interrupt counts anew
        self._main.cancel()
