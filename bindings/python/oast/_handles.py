"""Handles of the library as Python objects: who owns them, and when they are freed."""

from __future__ import annotations

import atexit
import itertools
import os
import weakref
from ctypes import byref, c_void_p
from typing import Any, Callable, Dict, List, Optional, Set, Type

from ._codec.memory import new_method
from ._library import check, lib, quick, raise_if_interrupted
from ._signals import Deferred
from .errors import Error

_rooms: "Set[weakref.ref[Room]]" = set()
_numbers = itertools.count(1)
_at_exit: List[Callable[[], None]] = []


class Room(c_void_p):
    """Where a function of the library puts a handle, which belongs to this object from then on and
    is freed with it. No bytecode runs for that, so Ctrl-C can neither come between nor prevent it:
    a call that uses a handle keeps a reference to its room meanwhile, and nothing else."""

    __eq__ = object.__eq__
    __hash__ = object.__hash__
    free: Any
    number: int
    kept: object  # as long as the handle


def _room_type(functions: Any, free: str) -> Type[Room]:
    function = getattr(functions, free)
    return type(free, (Room,), {"free": function, "__del__": new_method(function)})


Answer = _room_type(quick, "oast_future_free")  # of a request; freeing it does not block
_TYPES: Dict[str, Type[Room]] = {
    free: _room_type(lib, free)
    for free in (
        "oast_broker_free", "oast_worker_free", "oast_channel_free", "oast_watch_free",
        "oast_log_close",
    )
}


class Handle:
    """A handle that `make(*arguments, room)` makes and many threads may use; it is freed when
    closed, collected or at exit, but (except at exit) never while a function of the library
    uses it:

        worker = handle.use()
        lib.oast_...(worker)

    ctypes passes the room as `_as_parameter_` and keeps it until the function has returned. No
    variable has it: a traceback keeps variables, and closing would free nothing.
    """

    def __init__(
        self, free: str, what: str, make: Any, *arguments: object, kept: object = None
    ) -> None:
        room = _TYPES[free]()
        room.number, room.kept = next(_numbers), kept
        _rooms.add(weakref.ref(room, _rooms.discard))
        self._what = what
        self._as_parameter_: Optional[Room] = room
        try:
            check(make(*arguments, byref(room)))
        except BaseException:
            self._as_parameter_ = None
            raise
        finally:
            del room

    def use(self) -> Handle:
        """For the call of a function of the library."""
        self.room()
        return self

    def room(self) -> Room:
        """For structures. To be referred to until the function has returned, and then no more."""
        room = self._as_parameter_
        if not room:
            raise Error(f"this {self._what} is closed")
        return room

    @property
    def closed(self) -> bool:
        return self._as_parameter_ is None

    def close(self) -> None:
        """May be called again. Blocks as the library's function does."""
        with Deferred():  # as it may receive
            self._as_parameter_ = None
            raise_if_interrupted()


def open_handles() -> int:
    """For tests."""
    return len(_rooms)


def at_exit(action: Callable[[], None]) -> None:
    """To be done when the interpreter ends, after all handles were freed."""
    _at_exit.append(action)


def _end() -> None:
    # Newest first: workers before the broker that they were started with.
    rooms = [room for room in (ref() for ref in list(_rooms)) if room is not None]
    for room in sorted(rooms, key=lambda room: room.number, reverse=True):
        pointer, room.value = room.value, None
        type(room).free(pointer)
    for action in _at_exit:
        action()


def _forget() -> None:
    """In a forked child: nothing must be freed."""
    _rooms.clear()
    for kind in (Answer, *_TYPES.values()):
        del kind.__del__  # type: ignore[attr-defined]
        kind.free = staticmethod(lambda _: None)


atexit.register(_end)
os.register_at_fork(after_in_child=_forget)
