"""What code leaves behind it ends neither its kernel nor the requests that come later."""

import contextlib
import signal
import unittest

import oast
from support import KernelTest, eventually

ALARM = ("import signal\n"
         "def late(*_): raise TimeoutError('late')\n"
         "signal.signal(signal.SIGALRM, late)\n")


class LeftBehind(KernelTest):
    def test_a_signal_handler_that_raises_while_nothing_runs(self):
        self.eval(ALARM + "kept = 7\nsignal.setitimer(signal.ITIMER_REAL, 0.05)")
        eventually(lambda: "TimeoutError: late" in self.text, "the handler raised")
        self.assertEqual(self.eval("kept"), 7)

    def test_a_signal_handler_that_raises_at_any_time(self):
        """Once in a while, at whatever the kernel does then."""
        self.eval(ALARM + "import random\n"
                  "def arm():\n    signal.setitimer(signal.ITIMER_REAL, random.uniform(1e-5, 1e-3))")
        hit = 0
        for i in range(2000):
            try:
                self.assertEqual(self.eval(f"arm(); {i}"), i)
            except oast.RemoteException as error:
                self.assertIn("TimeoutError", str(error))
                hit += 1
        self.assertGreater(hit, 0)

    def test_a_signal_handler_that_ends_the_process_does(self):
        self.eval("import signal, sys\n"
                  "def end(*_):\n"
                  "    signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
                  "    sys.exit(5)\n"
                  "signal.signal(signal.SIGTERM, end)")

        def ended():  # Python may look at a signal only after the next one
            if self.w.isrunning():
                with contextlib.suppress(oast.Error):
                    self.daemon.broker.signal(self.w.id, signal.SIGTERM)
            return not self.w.isrunning()

        eventually(ended, "the kernel has ended")
        self.assertEqual(self.w.info().death.exit_code, 5)

    def test_a_recursion_limit_that_leaves_no_room(self):
        self.eval("import sys\nkept = 7\n"
                  "for n in range(5, 60):\n"
                  "    try:\n        sys.setrecursionlimit(n)\n        break\n"
                  "    except RecursionError:\n        pass")
        with self.assertRaises(oast.RemoteException):
            self.eval("kept")
        self.assertEqual(self.eval("kept"), 7)

    def test_an_exception_that_raises_when_it_is_looked_at(self):
        self.failure("class Shy(BaseException):\n"
                     "    def __getattribute__(self, name): raise SystemExit(name)\n"
                     "kept = 7\nraise Shy()")
        self.assertEqual(self.eval("kept"), 7)

    def test_stdin_that_was_taken_apart(self):
        with self.assertRaisesRegex(oast.RemoteException, "cannot be detached"):
            self.eval("import sys\nsys.stdin.readline()\nsys.stdin.buffer.detach()")
        self.assertEqual(self.eval("sys.stdin.read()"), "")


if __name__ == "__main__":
    unittest.main()
