"""Lanes: several requests at once, a thread for each lane; the main thread is lane 0."""

import threading
import unittest

import oast
from support import GENEROUS, KernelTest, eventually, has


class Lanes(KernelTest):
    def lane(self, number):
        return self.w.with_options(lane=number, timeout=GENEROUS)

    def interrupt(self, future):
        return self.daemon.broker.interrupt(self.w, future.request)

    def start_in_lane(self, number, code):
        """Starts code, and returns once it runs."""
        future = self.w.remote_eval("print('in %d')\n" % number + code, lane=number)
        eventually(lambda: "in %d\n" % number in self.text, "the code runs")
        return future

    def test_lanes_run_at_the_same_time(self):
        self.eval("import threading; met = threading.Barrier(3)")
        meeting = [self.w.remote_eval("met.wait(20)", lane=lane) for lane in (0, 1, 7)]
        self.assertEqual(sorted(future.result(GENEROUS) for future in meeting), [0, 1, 2])

    def test_a_lane_works_while_another_is_busy(self):
        busy = self.start_running("while True: pass")
        for i in range(20):
            self.assertEqual(self.lane(1).remote_eval_fetch("%d + 1" % i), i + 1)
        self.assertFalse(busy.done())
        self.w.interrupt()
        self.assertEqual(busy.exception(GENEROUS).kind, "interrupted")

    def test_P2_each_lane_keeps_its_order(self):
        self.eval("seen = {1: [], 2: []}")
        pending = [self.w.remote_eval("seen[%d].append(%d)" % (lane, i), lane=lane)
                   for i in range(300) for lane in (1, 2)]
        for future in pending:
            future.result(GENEROUS)
        self.assertEqual(self.eval("seen[1] == seen[2] == list(range(300))"), True)

    def test_a_lane_is_one_thread_and_lane_0_the_main_thread(self):
        self.eval("import threading")
        here = "threading.current_thread() is threading.main_thread()"
        self.assertTrue(self.eval(here))
        self.assertFalse(self.lane(1).remote_eval_fetch(here))
        self.lane(1).remote_eval_wait("mine = threading.local(); mine.x = 5")
        self.assertEqual(self.lane(1).remote_eval_fetch("mine.x"), 5)
        self.assertFalse(self.lane(2).remote_eval_fetch("hasattr(mine, 'x')"))

    def test_P2_output_belongs_to_the_request_of_its_lane(self):
        said = {lane: [] for lane in (0, 1, 2)}
        code = "for i in range(200): print('%d', i, 'ä')"
        pending = [self.w.remote_eval(code % lane, lane=lane, on_output=said[lane].append)
                   for lane in said]
        for lane, future in zip(said, pending):
            future.result(GENEROUS)
            text = "".join(output.text for output in said[lane])
            self.assertEqual(text, "".join("%d %d ä\n" % (lane, i) for i in range(200)))

    def test_what_a_child_of_the_first_request_writes_is_shown_in_whatever_lane_it_is(self):
        self.lane(1).remote_eval_wait("import subprocess; subprocess.run(['echo', 'from a child'])")
        eventually(lambda: "from a child" in self.text, "the child's output")

    def test_code_that_catches_an_interrupt_may_wait_again(self):
        self.eval("c, d = RemoteChannel(1), RemoteChannel(1)")
        future = self.start_in_lane(1, "try:\n    c.take()\nexcept KeyboardInterrupt:\n    d.put(1)\n"
                                    "c.take()")
        interrupting = threading.Thread(target=self.interrupt, args=(future,))
        interrupting.start()
        self.eval("import time\nassert d.take() == 1\n"
                  "time.sleep(1)  # in which a wait that is interrupted once more would end\nc.put(5)")
        self.assertEqual(future.result(GENEROUS), 5)
        interrupting.join()

    def test_P10_interrupts_during_imports_leave_no_lane_waiting(self):
        names = ("json.tool", "wave", "sched", "tabnanny", "chunk", "colorsys", "netrc", "filecmp")
        code = ("import importlib, sys\n"
                "for name in %r:\n    sys.modules.pop(name, None)\n"
                "    importlib.import_module(name)" % (names,))
        for i in range(150):
            futures = [self.w.remote_eval(code, lane=lane) for lane in (0, 1, 2)]
            for future in futures:
                future.cancel()
        for lane in (0, 1, 2):
            self.assertEqual(self.lane(lane).remote_eval_fetch(code + "\n7"), 7)

    def test_P10_an_interrupt_hits_the_request_that_it_names(self):
        first = self.start_in_lane(1, "while True: pass")
        second = self.start_in_lane(2, "while True: pass")
        third = self.start_running("while True: pass")
        self.assertEqual(self.interrupt(second), "interrupted")
        failure = second.exception(GENEROUS).failure
        self.assertEqual((failure.kind, failure.type), ("interrupted", "KeyboardInterrupt"))
        self.assertNotIn("oast_kernel", "\n".join(failure.traceback))
        self.assertFalse(first.done() or third.done())
        self.assertEqual(self.interrupt(third), "interrupted")
        self.assertEqual(self.interrupt(first), "interrupted")
        self.assertEqual(first.exception(GENEROUS).kind, "interrupted")
        self.assertEqual(self.lane(1).remote_eval_fetch("1 + 1"), 2)

    def test_P10_what_waits_in_the_kernel_is_interrupted(self):
        for code in ("import asyncio; await asyncio.sleep(60)", "RemoteChannel(1).take()",
                     "import asyncio\nasync def f(): await asyncio.sleep(60)\nawait f()"):
            with self.subTest(code):
                self.outputs.clear()
                future = self.start_in_lane(3, code)
                self.assertEqual(self.interrupt(future), "interrupted")
                self.assertEqual(future.exception(GENEROUS).kind, "interrupted")
                self.assertEqual(self.lane(3).remote_eval_fetch("1 + 1"), 2)

    def test_P10_hundreds_of_interrupted_takes_in_a_row_say_so(self):
        for _ in range(200):
            self.outputs.clear()
            future = self.start_in_lane(1, "RemoteChannel(1).take()")
            self.assertEqual(self.interrupt(future), "interrupted")
            self.assertEqual(future.exception(GENEROUS).kind, "interrupted")

    def test_P10_hundreds_of_interrupts_in_a_row_hit_no_other_request(self):
        for i in range(200):
            future = self.w.remote_eval("while True: pass", lane=1)
            future.cancel()
            self.assertEqual(self.lane(1).remote_eval_fetch("%d" % i), i)

    def test_a_queued_request_of_a_lane_is_cancelled(self):
        first = self.start_in_lane(1, "while True: pass")
        second = self.w.remote_eval("2", lane=1)
        # Control may overtake data: until it has come, the broker does not know of it.
        eventually(lambda: self.interrupt(second) == "cancelled", "it is cancelled")
        self.assertEqual(second.exception(GENEROUS).kind, "interrupted")
        self.assertEqual(self.interrupt(first), "interrupted")

    def test_a_deadline_ends_a_request_of_a_lane(self):
        with self.assertRaises(oast.Error) as raised:
            self.w.remote_eval_fetch("while True: pass", lane=4, timeout=0.3)
        self.assertEqual(raised.exception.kind, "timeout")
        self.assertEqual(self.lane(4).remote_eval_fetch("4"), 4)

    def test_whatever_runs_is_that_of_a_lane_when_lane_0_is_idle(self):
        future = self.start_in_lane(1, "while True: pass")
        self.assertEqual(self.w.interrupt(), "interrupted")
        self.assertEqual(future.exception(GENEROUS).kind, "interrupted")

    def test_each_lane_has_an_event_loop_of_its_own(self):
        code = "import asyncio; await asyncio.gather(*[asyncio.sleep(0.01, i) for i in range(3)])"
        pending = [self.w.remote_eval(code, lane=lane) for lane in (0, 1, 2, 3)]
        for future in pending:
            self.assertEqual(future.result(GENEROUS), [0, 1, 2])

    def test_input_is_for_lane_0(self):
        with self.assertRaises(oast.Error) as raised:
            self.lane(1).remote_eval_fetch("input()")
        self.assertIn("main thread", str(raised.exception))

    @unittest.skipUnless(has("numpy"), "numpy is not installed")
    def test_arrays_of_lanes_are_what_was_sent(self):
        import numpy
        arrays = {lane: numpy.arange(200_000) * lane for lane in (1, 2)}
        self.eval("import numpy")
        for _ in range(5):
            pending = {lane: self.lane(lane).remote_call("numpy.negative", array)
                       for lane, array in arrays.items()}
            for lane, future in pending.items():
                self.assertTrue((future.result(GENEROUS) == -arrays[lane]).all())

    def test_a_kernel_stops_while_its_lanes_are_busy(self):
        busy = [self.start_in_lane(lane, "while True: pass") for lane in (1, 2)]
        self.w.stop()
        for future in busy:
            self.assertIn(future.exception(GENEROUS).kind, ("interrupted", "kernel_died"))

    def test_a_fork_in_a_lane_ends_where_its_code_ends(self):
        code = "import os\npid = os.fork()\nif pid: code = os.waitpid(pid, 0)[1] >> 8\n"
        self.assertEqual(self.lane(1).remote_eval_fetch(code + "code if pid else 1"), 0)

    def test_output_that_waits_for_its_reader_is_interrupted(self):
        hold, reached = threading.Event(), threading.Event()

        def on_output(_output):
            reached.set()
            hold.wait(GENEROUS)

        future = self.w.remote_eval("while True: print('x' * 4000)", lane=1, on_output=on_output)
        self.assertTrue(reached.wait(GENEROUS))
        try:
            eventually(lambda: self.w.info().held_by, "the host holds it back")
            self.assertEqual(self.interrupt(future), "interrupted")
        finally:
            hold.set()
        self.assertEqual(future.exception(GENEROUS).kind, "interrupted")
        self.assertEqual(self.lane(1).remote_eval_fetch("1 + 1"), 2)


@unittest.skipUnless(has("IPython"), "IPython is not installed")
class IPythonLanes(KernelTest):
    spec = "ipython"

    def test_lanes_have_ipythons_syntax_and_their_own_results(self):
        self.eval("import threading; met = threading.Barrier(3)")
        pending = [self.w.remote_eval("met.wait(20)\n%d" % lane, lane=lane) for lane in (0, 1, 2)]
        self.assertEqual([future.result(GENEROUS) for future in pending], [0, 1, 2])
        self.assertEqual(self.eval("x = !echo hello\nlist(x)", lane=1), ["hello"])


if __name__ == "__main__":
    unittest.main()
