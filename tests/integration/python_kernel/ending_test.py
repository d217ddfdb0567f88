"""A kernel that is asked to end does, whatever goes on in it."""

import os
import signal
import tempfile
import time
import unittest

import oast
from support import GENEROUS, Daemon, KernelTest, eventually

# Far less than what the broker gives it before it sends a signal.
PROMPT = 10.0


class Ending(KernelTest):
    def assert_ends_by_itself(self):
        death = self.daemon.broker.stop(self.w, exit_timeout=PROMPT)
        self.assertEqual((death.cause, death.exit_code), ("stopped", 0), death)

    def test_while_nothing_runs(self):
        self.assert_ends_by_itself()

    def test_while_code_runs(self):
        self.start_running("while True: pass")
        self.assert_ends_by_itself()

    def test_while_code_waits(self):
        self.start_running("import asyncio\nawait asyncio.sleep(3600)")
        self.assert_ends_by_itself()

    def test_while_tasks_wait_and_threads_run(self):
        self.eval("import asyncio, threading, time\n"
                  "threading.Thread(target=time.sleep, args=(3600,)).start()\n"
                  "t = asyncio.ensure_future(asyncio.sleep(3600))\nawait asyncio.sleep(0)")
        self.assert_ends_by_itself()

    def test_functions_of_atexit_run(self):
        with tempfile.TemporaryDirectory() as place:
            path = os.path.join(place, "ended")
            self.eval(f"import atexit\natexit.register(lambda: open({path!r}, 'w').close())\nNone")
            self.assert_ends_by_itself()
            self.assertTrue(os.path.exists(path))

    def test_a_closed_kernels_functions_of_atexit_get_two_seconds_and_no_more(self):
        with tempfile.TemporaryDirectory() as place:
            path = os.path.join(place, "ended")
            worker = self.start()
            worker.remote_eval_fetch("import atexit, time\n"
                                     f"atexit.register(lambda: open({path!r}, 'w').close())\n"
                                     "atexit.register(time.sleep, 1.5)\nNone")
            worker.close()
            self.assertTrue(os.path.exists(path))
            worker = self.start()
            worker.remote_eval_fetch("import atexit, time\natexit.register(time.sleep, 3600)\nNone")
            info = worker.info()
            began = time.monotonic()
            worker.close()
            self.assertLess(time.monotonic() - began, 10)
            death = self.daemon.broker.find(info.id).death
            self.assertEqual((death.cause, death.signal_name), ("stopped", "SIGTERM"))

    def test_threads_end_first_and_what_they_print_arrives(self):
        self.eval("import atexit, threading, time\n"
                  "def work():\n"
                  "    threading.main_thread().join(); time.sleep(0.1); print('thread')\n"
                  "atexit.register(print, 'atexit')\n"
                  "threading.Thread(target=work).start()")
        self.assert_ends_by_itself()
        # The broker's word of the end may overtake it on its way here.
        eventually(lambda: self.text.count("\n") == 2, "what they print arrives")
        self.assertEqual(self.text.split(), ["thread", "atexit"])

    def test_idle_threads_of_a_pool_do_not_delay_the_end(self):
        self.eval("import atexit, concurrent.futures, threading\n"
                  "pool = concurrent.futures.ThreadPoolExecutor()\n"
                  "thread = pool.submit(threading.current_thread).result()\n"
                  "atexit.register(lambda: print('goes on' if thread.is_alive() else 'ended'))\n"
                  "None")
        self.assert_ends_by_itself()
        eventually(lambda: self.text, "what it prints arrives")
        self.assertEqual(self.text, "ended\n")  # before the patience with threads was over


class LastWords(KernelTest):
    def test_what_flush_returned_for_survives_a_kill(self):
        for _ in range(20):
            with self.start() as worker:
                del self.outputs[:]
                failure = self.death(worker, "import os, sys\n"
                                             "print('x', flush=True)\n"
                                             "print('y', file=sys.stderr, flush=True)\n"
                                             "os.kill(os.getpid(), 9)")
                self.assertEqual(failure.death.signal, signal.SIGKILL)
                self.assertEqual([(o.stream, o.text) for o in self.outputs],
                                 [("stdout", "x\n"), ("stderr", "y\n")])

    def test_nothing_of_a_flood_is_missing_before_its_last_line(self):
        self.death(self.w, "import os, sys\n"
                           "for i in range(30000): print(i)\n"
                           "sys.stdout.flush()\n"
                           "os.kill(os.getpid(), 9)")
        text = "".join(o.text for o in self.outputs)
        self.assertEqual(text, "".join(f"{i}\n" for i in range(30000)))

    def test_a_large_display_and_what_was_flushed_behind_it_survive_a_kill(self):
        for _ in range(5):
            worker = self.start()
            failure = worker.remote_eval(
                "import os, oast_kernel\n"
                "class Picture:\n    def _repr_png_(self): return b'x' * 3_000_000\n"
                "oast_kernel.display(Picture())\nprint('behind it', flush=True)\n"
                "os.kill(os.getpid(), 9)").exception(GENEROUS)
            self.assertEqual(failure.failure.death.signal, signal.SIGKILL)
            self.assertEqual(len(self.displays[-1]["image/png"]), 3_000_000)
            self.assertEqual(self.text, "behind it\n")
            self.outputs.clear()
            worker.close()

    def test_a_forked_child_adds_nothing(self):
        self.eval("import os\npid = os.fork()\n"
                  "if pid == 0:\n"
                  "    print('child', flush=True)\n"
                  "    os._exit(0)\n"
                  "os.waitpid(pid, 0)\nNone")
        self.death(self.w, "print('parent', flush=True)\nos.kill(os.getpid(), 9)")
        self.assertEqual("".join(o.text for o in self.outputs), "child\nparent\n")

    def test_no_child_has_the_memory(self):
        held = self.eval("import os, subprocess\n"
                         "subprocess.run(['ls', '-l', '/proc/self/fd'], stdout=subprocess.PIPE,"
                         " close_fds=False).stdout.decode()")
        self.assertNotIn("oast-outbox", held)

    def death(self, worker, code):
        with self.assertRaises(oast.TerminatedWorkerException) as raised:
            worker.with_options(timeout=GENEROUS).remote_eval_fetch(code)
        return raised.exception.failure


class SharedMemory(KernelTest):
    """P3: what the resource tracker of multiprocessing is to remove goes with the kernel."""

    def create(self, daemon, worker):
        """A block that nobody unlinks, and a process that lives on; the path of the block."""
        worker.with_options(timeout=GENEROUS).remote_eval_wait(
            "import subprocess\nfrom multiprocessing import shared_memory\n"
            "block = shared_memory.SharedMemory(create=True, size=4096)\n"
            "child = subprocess.Popen(['sleep', '1000'], close_fds=False)")
        name = worker.remote_eval_fetch("block.name")
        path = os.path.join("/dev/shm", name)
        self.assertTrue(os.path.exists(path))
        return path

    def test_after_an_orderly_end(self):
        path = self.create(self.daemon, self.w)
        self.daemon.broker.stop(self.w, exit_timeout=PROMPT)
        self.assertFalse(os.path.exists(path))

    def test_after_a_kill(self):
        path = self.create(self.daemon, self.w)
        self.daemon.broker.kill(self.w)
        self.assertFalse(os.path.exists(path))

    def test_after_the_kernel_was_killed_by_somebody(self):
        path = self.create(self.daemon, self.w)
        os.kill(self.w.info().pid, signal.SIGKILL)
        eventually(lambda: not os.path.exists(path), "the block is gone")

    def test_after_its_daemon_was_killed(self):
        daemon = Daemon()
        path = self.create(daemon, daemon.broker.start("python"))
        daemon.kill()
        eventually(lambda: not os.path.exists(path), "the block is gone")


if __name__ == "__main__":
    unittest.main()
