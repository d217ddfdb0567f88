"""Interrupts: KeyboardInterrupt in the code that is meant, and nowhere else."""

import os
import signal
import tempfile
import threading
import time
import unittest

import oast
from support import GENEROUS, KernelTest, eventually, has

ENDLESS = {
    "a loop": "while True: pass",
    "a sleep": "import time; time.sleep(60)",
    "a read": "import os; r, w = os.pipe(); os.read(r, 1)",
    "a child": "import subprocess; subprocess.run(['sleep', '60'])",
    "a lock": "import threading; l = threading.Lock(); l.acquire(); l.acquire()",
    "an await": "import asyncio; await asyncio.sleep(60)",
    "a loop in a task": "import asyncio\nawait asyncio.sleep(0)\nwhile True: pass",
    "asyncio.run": "import asyncio; asyncio.run(asyncio.sleep(60))",
    "input": "input()",
    "a channel": "RemoteChannel(1).take()",
}


class Interrupts(KernelTest):
    def _on_input(self, prompt, password):
        self.hold.wait(20)

    def setUp(self):
        self.hold = threading.Event()
        super().setUp()

    def tearDown(self):
        self.hold.set()
        super().tearDown()

    def start_in(self, code):
        """Starts code that prints first where an interrupt shall find it; returns once it has."""
        started = len(self.outputs)
        future = self.w.remote_eval(code)
        eventually(lambda: len(self.outputs) > started, "the code is there")
        return future

    def test_whatever_runs_or_waits_is_interrupted(self):
        for name, code in ENDLESS.items():
            with self.subTest(name):
                future = self.start_running(code)
                self.assertEqual(self.w.interrupt(), "interrupted")
                failure = future.exception(20).failure
                self.assertEqual((failure.kind, failure.type), ("interrupted", "KeyboardInterrupt"))
                text = "\n".join(failure.traceback)
                self.assertNotIn("oast_kernel", text)
                self.assertIn("KeyboardInterrupt", text)
                self.assertEqual(self.eval("1 + 1"), 2)

    @unittest.skipUnless(has("numpy"), "numpy is not installed")
    def test_a_call_of_numpy_is_interrupted_at_its_end(self):
        self.eval("import numpy as np; a = np.random.rand(700, 700)")
        future = self.start_running("while True: a @ a")
        self.assertEqual(self.w.interrupt(timeout=10), "interrupted")
        self.assertEqual(future.exception(20).kind, "interrupted")

    def test_code_that_swallows_it_is_not_hit_again_and_can_be_killed(self):
        with tempfile.TemporaryDirectory() as place:
            go_on = os.path.join(place, "go on")
            code = ("import os, time\ntry:\n    print('in'); time.sleep(60)\n"
                    "except KeyboardInterrupt:\n    print('swallowed')\n"
                    f"    while not os.path.exists({go_on!r}): time.sleep(0.01)\n5")
            future = self.start_in(code)
            self.assertEqual(self.w.interrupt(timeout=0.2), "not_interruptible")
            open(go_on, "w").close()
            self.assertEqual(future.result(20), 5)
            self.assertEqual(self.text.count("swallowed"), 1)
            os.remove(go_on)
            future = self.start_in(code)
            self.assertEqual(self.w.interrupt(timeout=0.3, escalate=True), "killed")
            self.assertEqual(future.exception(20).kind, "kernel_died")

    def test_clean_up_code_runs_to_its_end(self):
        future = self.start_in("import time\ntry:\n    print('in'); time.sleep(60)\nfinally:\n"
                               "    time.sleep(0.3); print('clean')")
        self.w.interrupt()
        self.assertEqual(future.exception(20).kind, "interrupted")
        self.assertIn("clean", self.text)

    def test_one_that_was_lost_in_a_destructor_comes_again(self):
        future = self.start_running("class D:\n  def __del__(self):\n    while True: pass\n"
                                    "D()\nwhile True: pass")
        self.assertEqual(self.w.interrupt(), "interrupted")
        self.assertEqual(future.exception(20).kind, "interrupted")

    def test_each_interrupt_of_one_request_is_raised(self):
        for wait in ("time.sleep(60)", "await asyncio.sleep(60)"):
            with self.subTest(wait):
                future = self.start_in("import asyncio, time\ntry:\n    print('in'); " + wait +
                                       "\nexcept (KeyboardInterrupt, asyncio.CancelledError):\n"
                                       "    print('once more')\n" + wait)
                self.assertEqual(self.w.interrupt(timeout=0.5), "not_interruptible")
                eventually(lambda: "once more" in self.text, "it goes on")
                self.assertEqual(self.w.interrupt(), "interrupted")
                self.assertEqual(future.exception(GENEROUS).kind, "interrupted")
                self.outputs.clear()

    def test_code_that_catches_it_may_wait_for_a_channel_and_be_interrupted_there(self):
        self.eval("c, d = RemoteChannel(1), RemoteChannel(1)")
        future = self.start_in("try:\n    print('in'); c.take()\n"
                               "except KeyboardInterrupt:\n    print('caught')\n"
                               "d.put(1)\ne = c.take()\n"
                               "try:\n    print('again'); c.take()\n"
                               "except KeyboardInterrupt:\n    pass\ne")
        self.assertEqual(self.w.interrupt(timeout=0.2), "not_interruptible")
        channel = self.w.with_options(lane=1)  # beside lane 0, which waits
        channel.remote_eval_wait("assert d.take() == 1\nc.put(5)")
        eventually(lambda: "again" in self.text, "it waits again")
        self.daemon.broker.interrupt(self.w, future.request)
        self.assertEqual(future.result(GENEROUS), 5)

    def test_code_that_catches_it_has_its_children_left_alone(self):
        future = self.start_in("import subprocess, time\ntry:\n    print('in'); time.sleep(60)\n"
                               "except KeyboardInterrupt:\n"
                               "    child = subprocess.run(['sleep', '1.5'])\nchild.returncode")
        self.assertEqual(self.w.interrupt(timeout=0.2), "not_interruptible")
        self.assertEqual(future.result(GENEROUS), 0)

    def test_sigint_is_a_keyboard_interrupt_in_a_forked_child(self):
        code = ("import os, signal\npid = os.fork()\nif pid == 0:\n    try:\n"
                "        os.kill(os.getpid(), signal.SIGINT)\n"
                "    except KeyboardInterrupt: os._exit(7)\n    os._exit(8)\n"
                "os.waitpid(pid, 0)[1] >> 8")
        self.assertEqual(self.eval(code), 7)

    def test_P10_forked_children_are_interrupted_and_then_again(self):
        slow = ("import concurrent.futures, multiprocessing, os, time\n"
                "def slow(n): os.write(1, b'in '); time.sleep(60)\n"
                "pool = concurrent.futures.ProcessPoolExecutor(\n"
                "    2, multiprocessing.get_context('fork'))\n")
        for code in (slow + "with pool: list(pool.map(slow, [1, 2]))",
                     slow + "try: list(pool.map(slow, [1, 2]))\n"
                     "except KeyboardInterrupt: print('again'); time.sleep(60)"):
            future = self.w.remote_eval(code)
            eventually(lambda: self.text.count("in ") == 2, "both children work")
            outcome = self.w.interrupt(timeout=3)
            if "again" in code:
                self.assertEqual(outcome, "not_interruptible")
                eventually(lambda: "again" in self.text, "the code caught it")
                outcome = self.w.interrupt(timeout=3)
            self.assertEqual(outcome, "interrupted")
            self.assertEqual(future.exception(GENEROUS).kind, "interrupted")
            self.assertEqual(self.eval("1 + 1"), 2)
            self.outputs.clear()

    def test_a_keyboard_interrupt_of_the_codes_own_is_an_error(self):
        self.assertEqual(self.failure("raise KeyboardInterrupt").kind, "remote_exception")

    def test_a_handler_of_the_code_does_not_outlive_its_request(self):
        self.eval("import signal; signal.signal(signal.SIGINT, signal.SIG_IGN); None")
        self.start_running("while True: pass")
        self.assertEqual(self.w.interrupt(), "interrupted")

    def test_a_waiting_task_is_cancelled_and_background_tasks_go_on(self):
        self.eval("import asyncio, threading\nticks = 0\n"
                  "async def tick():\n    global ticks\n    while True:\n"
                  "        await asyncio.sleep(0)\n"
                  "        for _ in range(10000): ticks += 1\n"  # it runs nearly all the time
                  "background = asyncio.ensure_future(tick())\nawait asyncio.sleep(0)")
        future = self.start_running("await asyncio.sleep(60)")
        self.assertEqual(self.w.interrupt(), "interrupted")
        self.assertEqual(future.exception(20).kind, "interrupted")
        before = self.eval("ticks")
        eventually(lambda: self.eval("ticks") > before, "the background task goes on")

    def test_a_signal_that_nobody_asked_the_broker_for_interrupts_nothing(self):
        future = self.start_running("import signal, time\nend = time.monotonic() + 0.3\n"
                                    "while time.monotonic() < end: pass\n5")
        self.daemon.broker.signal(self.w, signal.SIGINT)
        self.assertEqual(future.result(GENEROUS), 5)

    def test_an_interrupt_hits_one_request_or_none_and_never_the_kernel(self):
        """Ten thousand interrupts that come about when a request ends and the next begins."""
        hit = 0
        self.eval("import time\ndef f(n, d):\n    end = time.perf_counter() + d\n"
                  "    while time.perf_counter() < end: pass\n    return n")
        for n in range(10_000):
            futures = [self.w.remote_call("f", n, (n % 20) * 1e-4), self.w.remote_call("f", -n, 0)]
            time.sleep((n % 7) * 2e-4)
            outcome = self.w.interrupt()
            ended = [self._ended(future) for future in futures]
            interrupted = ended.count("interrupted")
            self.assertEqual(interrupted, outcome in ("interrupted", "cancelled"), (outcome, ended))
            for end, value in zip(ended, (n, -n)):
                self.assertIn(end, (value, "interrupted"))
            hit += interrupted
        self.assertEqual(self.eval("6 * 7"), 42)
        self.assertEqual(self.text, "")  # nothing of the kernel's own was hit
        self.assertGreater(min(hit, 10_000 - hit), 300)

    def _ended(self, future):
        try:
            return future.result(GENEROUS)
        except oast.Interrupted:
            return "interrupted"


if __name__ == "__main__":
    unittest.main()
