"""A host whose threads are kept from running loses no answer and invents no timeout."""

import contextlib
import sys
import threading
import unittest

import oast
from support import LuaTest


@contextlib.contextmanager
def busy_thread():
    """A thread that computes, and seldom lets go of the GIL."""
    ended = []

    def compute():
        while not ended:
            sum(range(1000))

    interval = sys.getswitchinterval()
    sys.setswitchinterval(0.06)  # longer than the slices in which the main thread waits
    thread = threading.Thread(target=compute)
    thread.start()
    try:
        yield
    finally:
        sys.setswitchinterval(interval)
        ended.append(True)
        thread.join()


_PAUSE = "local t = os.clock() while os.clock() - t < 0.05 do end "  # about a slice


class BusyHost(LuaTest):
    def test_p10_fetches_without_a_timeout_do_not_time_out(self):
        with busy_thread():
            for i in range(12):
                self.assertEqual(self.w.remote_eval_fetch(f"{_PAUSE} return {i}"), i)

    def test_p10_takes_and_puts_without_a_timeout_lose_nothing(self):
        c = self.w.worker_channel("c = oast.channel(1) return c")
        self.w.remote_do(f"for i = 1, 12 do {_PAUSE} c:put(i) end")
        with busy_thread():
            self.assertEqual([c.take() for _ in range(12)], list(range(1, 13)))
        self.w.remote_do(f"for i = 1, 8 do {_PAUSE} c:take() end")
        with busy_thread():
            for i in range(8):
                c.put(i)

    def test_p10_a_take_that_times_out_has_taken_nothing(self):
        c = self.w.worker_channel("c = oast.channel(1) return c")
        self.w.remote_do("for i = 1, 2000 do c:put(i) end c:close()")
        taken = []
        while not taken or taken[-1] != 2000:
            with contextlib.suppress(oast.TimeoutError):
                taken.append(c.take(timeout=0.0003))
        self.assertEqual(taken, list(range(1, 2001)))


if __name__ == "__main__":
    unittest.main()
