"""Functions by name and by value, channels, and hosts inside kernels."""

import os
import signal
import unittest

import oast
from support import GENEROUS, KernelTest, ENGINE, eventually


class Calls(KernelTest):
    def test_a_dotted_path_is_imported_as_far_as_needed(self):
        call = self.w.remote_call_fetch
        self.assertEqual(call("math.hypot", 3, 4), 5.0)
        self.assertEqual(call("os.path.join", "a", "b"), "a/b")
        self.assertEqual(call("concurrent.futures.thread.os.path.basename", "/a/b"), "b")
        self.assertEqual(call("str.upper", "a"), "A")

    def test_names_of_main_come_first(self):
        self.eval("def len(x): return 'mine'\nclass A:\n  @staticmethod\n  def f(): return 7")
        self.assertEqual(self.w.remote_call_fetch("len", []), "mine")
        self.assertEqual(self.w.remote_call_fetch("A.f"), 7)

    def test_an_unknown_function_is_not_found(self):
        for path in ("nowhere", "nowhere.f", "math.nothing", "os.path.nothing", "not a path"):
            with self.assertRaises(oast.NotFoundError) as raised:
                self.w.remote_call_fetch(path)
            self.assertIn(path.split(".")[-1], str(raised.exception))

    def test_errors_of_a_called_function_show_its_frames_only(self):
        self.eval("def f(x):\n    return 1 / x")
        with self.assertRaises(oast.RemoteException) as raised:
            self.w.remote_call_fetch("f", 0)
        text = "\n".join(raised.exception.failure.traceback)
        self.assertIn("return 1 / x", text)
        self.assertNotIn("oast_kernel", text)

    def test_source_gives_the_function(self):
        self.assertEqual(self.w.remote_call_fetch(oast.Source("lambda a, b: a * b"), 6, 7), 42)
        self.assertEqual(self.w.remote_call_fetch(oast.Source("def f(a): return -a\nf"), 1), -1)

    def test_keyword_arguments(self):
        self.assertEqual(self.w.remote_call_fetch("int", "ff", base=16), 255)

    def test_a_coroutine_is_awaited(self):
        self.eval("import asyncio\nasync def f(x):\n    await asyncio.sleep(0); return x")
        self.assertEqual(self.w.remote_call_fetch("f", 5), 5)


class Channels(KernelTest):
    def test_values_go_both_ways(self):
        channel = self.w.worker_channel("c = RemoteChannel(10)\nc")
        channel.put([1, "x"])
        self.assertTrue(self.eval("c.ready()"))
        self.assertEqual(self.eval("c.take()"), [1, "x"])
        self.eval("for i in range(3): c.put(i)\nc.close()")
        self.assertEqual(list(channel), [0, 1, 2])
        self.assertEqual(self.failure("c.take()").type, "EOFError")
        self.assertEqual(self.failure("c.put(1)").type, "EOFError")

    def test_iterating_takes_until_it_is_closed(self):
        channel = self.w.worker_channel("from oast_kernel import Channel\nc = Channel(1)\nc")
        taken = self.w.remote_eval("list(c)")
        for i in range(5):
            channel.put(i)
        channel.close()
        self.assertEqual(taken.result(GENEROUS), [0, 1, 2, 3, 4])

    def test_what_is_no_channel_is_refused(self):
        with self.assertRaises(oast.RemoteException) as raised:
            self.w.worker_channel("5")
        self.assertIn("RemoteChannel", str(raised.exception))

    def test_threads_of_the_kernel_may_use_them(self):
        channel = self.w.worker_channel(
            "import threading\nc = RemoteChannel(1)\n"
            "threading.Thread(target=lambda: [c.put(i) for i in range(3)]).start()\nc")
        self.assertEqual([channel.take(GENEROUS) for _ in range(3)], [0, 1, 2])


class Nested(KernelTest):
    def test_the_package_says_where_the_broker_is_and_gives_a_secret(self):
        directory, token = self.eval("import oast_kernel\noast_kernel.broker()")
        self.assertEqual(directory, self.daemon.directory)
        self.assertRegex(token, "^[0-9a-f]{64}$")

    def test_a_kernel_starts_kernels_of_its_own(self):
        self.eval("import oast")
        self.eval("w = oast.Worker('python')")
        self.assertEqual(self.eval("w.remote_eval_fetch('1 + 1')"), 2)

    def test_the_host_library_of_the_source_tree_comes_last_and_is_of_the_same_build(self):
        self.assertEqual(self.eval("import sys\nsys.path[-1]"),
                         str(ENGINE.parents[2] / "bindings/python"))
        self.eval("import oast")
        mapped = self.eval("open('/proc/self/maps').read()")
        self.assertIn(os.path.realpath(os.environ["OAST_LIBRARY"]), mapped)

    def test_three_kernels_inside_each_other_die_with_the_outermost(self):
        inner = "import oast, os\nw = oast.Worker('python')\nNone"
        self.eval(inner)
        self.eval("w.remote_eval_wait(%r)" % inner)
        pids = [self.eval("os.getpid()"), self.eval("w.remote_eval_fetch('os.getpid()')"),
                self.eval("w.remote_eval_fetch(%r)"
                          % "w.remote_eval_fetch('import os; os.getpid()')")]
        self.assertEqual(len(set(pids)), 3)
        os.kill(pids[0], signal.SIGKILL)
        eventually(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in pids),
                   f"all of {pids} are gone")


class Asynchronous(KernelTest):
    def test_await_works_at_the_top_level(self):
        self.assertEqual(self.eval("import asyncio\n"
                                   "async def f(): return 5\nx = await f()\nx + await f()"), 10)
        self.assertEqual(self.eval("x"), 5)

    def test_a_task_goes_on_between_requests_and_prints_for_its_own(self):
        self.w.remote_eval_fetch(
            "import asyncio\nasync def f():\n"
            "    for i in range(3):\n        await asyncio.sleep(0.01); print(i)\n"
            "    print('end')\n"
            "task = asyncio.create_task(f())\nawait asyncio.sleep(0)")
        eventually(lambda: "end" in self.text, "the task ends while nothing is asked")
        self.assertEqual(self.text.split(), ["0", "1", "2", "end"])
        self.assertEqual(self.eval("task.done()"), True)

    def test_requests_are_answered_while_tasks_are_pending(self):
        self.eval("import asyncio\nwaiting = asyncio.ensure_future(asyncio.sleep(3600))\n"
                  "await asyncio.sleep(0)")
        self.assertEqual([self.eval(str(i)) for i in range(50)], list(range(50)))
        self.eval("waiting.cancel()\nawait asyncio.sleep(0)")
        self.assertEqual(self.eval("1"), 1)

    def test_await_works_after_code_has_closed_the_loop(self):
        self.eval("import asyncio\nawait asyncio.sleep(0)")
        self.eval("asyncio.get_event_loop().close()")
        self.assertEqual(self.eval("await asyncio.sleep(0, 5)"), 5)
        self.eval("t = asyncio.ensure_future(asyncio.sleep(60)); await asyncio.sleep(0)\n"
                  "asyncio.get_running_loop().call_soon(asyncio.get_running_loop().stop)\nNone")
        self.eval("asyncio.get_event_loop().close()")
        self.assertEqual(self.eval("await asyncio.sleep(0, 6)"), 6)

    def test_asyncio_run_works_in_plain_code(self):
        self.assertEqual(self.eval("import asyncio\nasync def f(): return 5\nasyncio.run(f())"), 5)
        self.assertEqual(self.eval("await f()"), 5)

    def test_a_traceback_of_awaited_code_shows_no_loop(self):
        self.eval("import asyncio\nasync def f():\n    await asyncio.sleep(0)\n    1/0")
        text = "\n".join(self.failure("await f()").traceback)
        self.assertNotIn("asyncio", text.replace("await asyncio.sleep", ""))
        self.assertIn("await f()", text)


if __name__ == "__main__":
    unittest.main()
