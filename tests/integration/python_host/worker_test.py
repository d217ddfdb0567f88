"""Workers: what they evaluate, how they fail, how they end."""

import gc
import os
import signal
import subprocess
import sys
import tempfile
import threading
import unittest

import oast
from oast import _handles
from support import GENEROUS, Daemon, LuaTest, eventually, exists, run_python


class Evaluating(LuaTest):
    def test_fetch_gives_the_value(self):
        self.assertEqual(self.w.remote_eval_fetch("return 1 + 1"), 2)
        self.assertEqual(oast.remote_eval_fetch(self.w, "return 1 + 1"), 2)

    def test_wait_leaves_the_value_there(self):
        self.assertIsNone(self.w.remote_eval_wait("x = 41 return print"))  # which cannot be sent
        self.assertEqual(self.w.remote_eval_fetch("return x"), 41)

    def test_do_wants_no_answer(self):
        self.w.remote_do("error('nobody hears')")
        self.w.remote_do("x = 7")
        oast.remote_do("x = x + 1", self.w)
        self.assertEqual(self.w.remote_eval_fetch("return x"), 8)

    def test_call_by_path_and_by_source(self):
        self.assertEqual(self.w.remote_call_fetch("string.rep", "ab", 2), "abab")
        self.assertEqual(oast.remote_call("string.upper", self.w, "x").result(GENEROUS), "X")
        double = oast.Source("function(a) return 2 * a end")
        self.assertEqual(self.w.remote_call_fetch(double, 21), 42)
        self.w.remote_do("rawset", {}, "a", 1)
        self.assertIsNone(self.w.remote_call_wait("string.upper", "x"))

    def test_args_and_source_name(self):
        got = self.w.remote_eval_fetch("local a, b = ... return a .. b", args=("x", 2))
        self.assertEqual(got, "x2")
        with self.assertRaises(oast.RemoteException) as caught:
            self.w.remote_eval_fetch("\nerror('boom')", source_name="cell 3")
        self.assertIn("cell 3:2", caught.exception.failure.message)

    def test_many_threads_share_a_worker(self):
        results = []

        def work(start):
            for i in range(start, start + 50):
                results.append(self.w.remote_eval_fetch(f"return {i}") == i)

        threads = [threading.Thread(target=work, args=(1000 * n,)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(results, [True] * 400)

    def test_options_are_those_of_a_view(self):
        seen = []
        view = self.w.with_options(on_output=seen.append, timeout=GENEROUS)
        view.remote_call_wait("print", "here")
        self.w.remote_call_wait("print", "there")
        self.assertEqual("".join(o.text for o in seen), "here\n")
        self.assertEqual(self.text, "there\n")
        with self.assertRaises(TypeError):
            self.w.remote_eval_fetch("return 1", nonsense=1)

    def test_channel_goes_both_ways(self):
        c = self.w.worker_channel("c = oast.channel(2) return c")
        c.put(11)
        self.assertTrue(c.is_ready())
        self.assertEqual(self.w.remote_eval_fetch("return c:take()"), 11)
        with self.assertRaises(oast.TimeoutError):
            c.take(timeout=0.02)
        later = c.take_async()
        self.w.remote_do("c:put(12)")
        self.assertEqual(later.result(GENEROUS), 12)
        for i in range(2):
            c.put_async(i).result(GENEROUS)
        with self.assertRaises(oast.TimeoutError):
            c.put(2, timeout=0.02)
        c.close()
        self.assertEqual(list(c), [0, 1])

    def test_frontends_are_helped(self):
        found = self.w.complete("ä = string.for")
        self.assertIn("format", "".join(found.matches))
        self.assertEqual(found.end, 14)
        self.assertIsNone(self.w.inspect("nothing_here"))
        self.assertIsNotNone(self.w.inspect("string.format"))
        self.assertEqual(self.w.is_complete("for i = 1, 2 do").status, "incomplete")


class Failing(LuaTest):
    def test_error_of_the_code(self):
        with self.assertRaises(oast.RemoteException) as caught:
            self.w.remote_eval_fetch("local function f() error('boom') end f()")
        error = caught.exception
        self.assertEqual(error.kind, "remote_exception")
        self.assertIn("boom", str(error))
        self.assertIn("in ", error.traceback)
        self.assertIn("boom", str(self.w.remote_eval("error('boom')").exception(GENEROUS)))

    def test_unknown_function(self):
        with self.assertRaises(oast.NotFoundError) as caught:
            self.w.remote_call_fetch("string.nothing")
        self.assertIsInstance(caught.exception, LookupError)

    def test_timeout_cancels(self):
        with self.assertRaises(oast.TimeoutError):
            self.w.remote_eval_fetch("while true do end", timeout=0.05)
        with self.assertRaises(oast.TimeoutError):
            self.w.with_options(timeout=0.05).remote_call_fetch(
                oast.Source("function() while true do end end")
            )
        self.assertEqual(self.w.remote_eval_fetch("return 1"), 1)

    def test_an_endless_timeout_is_none(self):
        endless = float("inf")
        self.assertEqual(self.w.remote_eval_fetch("return 1", timeout=endless), 1)
        self.assertEqual(self.w.remote_eval("return 2").result(endless), 2)
        c = self.w.worker_channel("c = oast.channel(1) return c", timeout=endless)
        c.put(3, timeout=endless)
        self.assertEqual(c.take(endless), 3)
        self.w.stop(endless, endless)
        self.assertEqual(self.w.death.exit_code, 0)

    def test_nonsense_is_refused_before_it_is_sent(self):
        for options in ({"lane": -1}, {"lane": 2**32}, {"lane": "x"}, {"lane": 1.0},
                        {"timeout": -1}, {"timeout": float("nan")}):
            with self.subTest(options), self.assertRaises(ValueError) as caught:
                self.w.remote_eval_fetch("return 1", **options)
            self.assertIn(str(list(options.values())[0]), str(caught.exception))
            with self.assertRaises(ValueError):
                self.w.with_options(**options)
        with self.assertRaises(oast.Error) as refused:
            self.w.remote_eval_fetch("return 1", lane=2**32 - 1)
        self.assertEqual(refused.exception.kind, "unimplemented")
        for number in (-1, 0, 2**64):
            with self.assertRaisesRegex(ValueError, "no id of a request: they are from 1"):
                self.w.broker.interrupt(self.w.id, number)
            with self.assertRaisesRegex(ValueError, "no id of a request: they are from 1"):
                self.w.broker.log(self.w.id, request=number)
            with self.assertRaisesRegex(ValueError, "no id of a host: they are from 1"):
                self.w.broker.log(self.w.id, host=number)
        for kernel in (-1, 2**64):
            with self.assertRaises(ValueError):
                self.w.broker.kill(kernel)
        with self.assertRaisesRegex(TypeError, "on_output should be a function of an Output, not int"):
            self.w.remote_eval_fetch("return 1", on_output=5)
        with self.assertRaisesRegex(TypeError, "on_input should be a function .* not str"):
            self.w.remote_eval_fetch("return 1", on_input="line")

    def test_death_is_explained(self):
        with self.assertRaises(oast.TerminatedWorkerException) as caught:
            self.w.remote_eval_fetch("io.stderr:write('last words\\n') os.exit(3)")
        error = caught.exception
        self.assertEqual((error.cause, error.exit_code, error.signal), ("exited", 3, None))
        self.assertIn("last words", error.stderr_tail)
        self.assertIn("last words", str(error))
        self.assertEqual(self.w.death.exit_code, 3)
        self.assertFalse(self.w.isrunning())
        with self.assertRaises(oast.TerminatedWorkerException):
            self.w.remote_eval("return 1").result(GENEROUS)

    def test_kill_says_by_which_signal(self):
        endless = self.start_running("while true do end")
        self.w.kill()
        self.assertEqual(endless.exception(GENEROUS).signal, signal.SIGKILL)

    def test_interrupt_ends_what_runs(self):
        self.assertEqual(self.w.interrupt(), "nothing_running")
        endless = self.start_running("while true do end")
        self.assertEqual(oast.interrupt(self.w), "interrupted")
        self.assertIsInstance(endless.exception(GENEROUS), oast.Interrupted)

    def test_python_functions_need_a_module_or_trust(self):
        with self.assertRaises(TypeError) as caught:
            self.w.remote_call(lambda: 1)
        self.assertIn("trust=True", str(caught.exception))
        with self.assertRaises(TypeError):
            self.w.remote_call(7)

    def test_unknown_spec(self):
        with self.assertRaises(oast.NotFoundError):
            oast.Worker("no-such-spec")
        with self.assertRaises(ValueError):
            oast.Worker("lua", name="a\0b")

    def test_interrupt_from_the_keyboard_ends_the_request(self):
        code = """
import oast, signal, threading
w = oast.Worker("lua")
c = w.worker_channel("c = oast.channel(1) return c")
threading.Thread(target=lambda: (c.take(), signal.raise_signal(signal.SIGINT))).start()
try:
    w.remote_eval_fetch("c:put(1) while true do end")
except KeyboardInterrupt:
    print("interrupted", w.remote_eval_fetch("return 5", timeout=10))
"""
        ran = run_python(code)
        self.assertEqual((ran.stdout, ran.stderr), ("interrupted 5\n", ""))


class Ending(unittest.TestCase):
    def test_closing_stops_it(self):
        with oast.Worker("lua") as w:
            pid = w.info().pid
            self.assertTrue(exists(pid))
        eventually(lambda: not exists(pid), "it ended")
        self.assertFalse(w.isrunning())
        w.close()
        self.assertEqual(w.death.exit_code, 0)
        with self.assertRaises(oast.Error) as caught:
            w.remote_eval_fetch("return 1")
        self.assertIn("closed", str(caught.exception))

    def test_p3_closing_stops_it_though_exceptions_of_its_use_are_kept(self):
        uses = (
            lambda w: w.worker_channel("error('x')"),
            lambda w: w.remote_eval_fetch("error('x')"),
            lambda w: w.remote_eval("error('x')").result(GENEROUS),
            lambda w: w.remote_eval_fetch("while true do end", timeout=0.01),
            lambda w: w.remote_call_fetch("no.such"),
            lambda w: w.remote_eval("return 1", args=[object()]),
            lambda w: w.worker_channel("return oast.channel(1)").take(0.01),
            lambda w: w.broker.attach(w.name, on_input=5).remote_eval_fetch("error('x')"),
        )
        kept, pids = [], []
        for use in uses:
            try:  # assertRaises would clear the frames
                with oast.Worker("lua") as w:
                    pids.append(w.info().pid)
                    use(w)
            except Exception as error:
                kept.append(error)  # and with it its traceback, as a notebook does
        for pid in pids:
            eventually(lambda: not exists(pid), "it ended")
        self.assertEqual(len(kept), len(uses))

    def test_p3_what_failed_to_start_keeps_nothing(self):
        with Daemon() as daemon:
            before = _handles.open_handles()
            kept = []
            for start in (lambda b: b.start("no-such-spec"), lambda b: b.attach("no-such-kernel"),
                          lambda b: b.kill(77), lambda b: b.find("no-such-kernel")):
                with oast.connect(daemon.directory) as broker:
                    try:
                        start(broker)
                    except oast.NotFoundError as error:
                        kept.append(error)
            self.assertEqual((len(kept), _handles.open_handles()), (4, before))

    def test_stopping_can_be_repeated(self):
        w = oast.Worker("lua")
        w.stop()
        oast.stop(w)
        self.assertFalse(oast.isrunning(w))
        self.assertEqual(w.death.exit_code, 0)

    def test_losing_it_stops_it(self):
        w = oast.Worker("lua")
        pid = w.info().pid
        endless = w.remote_eval("while true do end")
        del w
        gc.collect()
        eventually(lambda: not exists(pid), "it ended")
        self.assertIsInstance(endless.exception(GENEROUS), oast.Error)

    def test_the_end_of_the_program_stops_it(self):
        code = """
import oast
kept = [oast.Worker("lua") for _ in range(3)]
endless = kept[0].remote_eval("while true do end")
print(*[w.info().pid for w in kept])
"""
        ran = run_python(code)
        self.assertEqual((ran.returncode, ran.stderr), (0, ""))
        for pid in map(int, ran.stdout.split()):
            self.assertFalse(exists(pid))

    def test_an_uncaught_exception_stops_it(self):
        ran = run_python("import oast\nw = oast.Worker('lua')\nprint(w.info().pid)\n1 / 0")
        self.assertEqual(ran.returncode, 1)
        self.assertNotIn("oast", ran.stderr.replace("oast.Worker", ""))
        self.assertFalse(exists(int(ran.stdout)))


class Forking(unittest.TestCase):
    def test_a_forked_child_leaves_the_worker_alone(self):
        code = """
import gc, os, sys, oast
w = oast.Worker("lua")
future = w.remote_eval("return 1")
future.result()
child = os.fork()
if child == 0:
    for use in (lambda: w.remote_eval_fetch("return 1"), lambda: oast.Worker("lua"), w.isrunning,
                lambda: oast.connect()):
        try:
            use()
        except oast.Error as error:
            assert "forked" in str(error), error
        else:
            sys.exit("it worked in the child")
    w.close()
    del w, future
    gc.collect()
    sys.exit(7)  # by the interpreter's end, with its atexit
assert os.WEXITSTATUS(os.waitpid(child, 0)[1]) == 7
print(w.remote_eval_fetch("return 2"), w.remote_eval("return 3").result(20))
"""
        ran = run_python(code)
        self.assertEqual((ran.stdout, ran.stderr), ("2 3\n", ""))

    def test_multiprocessing_does_not_disturb_it(self):
        code = """
import multiprocessing, oast
w = oast.Worker("lua")
with multiprocessing.get_context("fork").Pool(2) as pool:
    assert pool.map(abs, [-1, -2]) == [1, 2]
print(w.remote_eval_fetch("return 2"))
"""
        ran = run_python(code)
        self.assertEqual((ran.stdout, ran.stderr), ("2\n", ""))

    def test_no_kernel_outlives_a_killed_host_with_a_forked_child(self):
        code = """
import os, time, oast
w = oast.Worker("lua")
child = os.fork()
if child == 0:
    time.sleep(60)
    os._exit(0)
print(w.info().pid, child, flush=True)
os.kill(os.getpid(), 9)
"""
        # What its broker leaves there is swept by the next one, which may never come.
        runtime = tempfile.TemporaryDirectory(prefix="oast-test.")
        self.addCleanup(runtime.cleanup)
        host = subprocess.Popen(
            [sys.executable, "-c", code], stdout=subprocess.PIPE, universal_newlines=True,
            env={**os.environ, "XDG_RUNTIME_DIR": runtime.name},
        )
        with host.stdout:
            kernel, child = map(int, host.stdout.readline().split())
            self.assertEqual(host.wait(GENEROUS), -signal.SIGKILL)
        try:
            eventually(lambda: not exists(kernel), "the kernel ended")
            self.assertTrue(exists(child))
        finally:
            os.kill(child, signal.SIGKILL)


class Descriptors(unittest.TestCase):
    def test_idle_connections_beyond_the_descriptors_cost_the_host_nothing(self):
        done = run_python("""
import resource, subprocess, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
import oast
w = oast.Worker("lua")
# From another process, which has descriptors of its own: it says when all are connected.
connect = '''
import socket, sys
idle = []
for _ in range(50):
    idle.append(socket.socket(socket.AF_UNIX))
    idle[-1].connect(sys.argv[1])
print("connected", flush=True)
sys.stdin.read()
'''
idlers = [
    subprocess.Popen([sys.executable, "-c", connect, f"{w.broker.directory}/control.sock"],
                     stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    for _ in range(2)
]
for idler in idlers:
    idler.stdout.readline()
print(w.remote_eval_fetch("return 1 + 1"))
for idler in idlers:
    idler.communicate()
""")
        self.assertEqual((done.returncode, done.stdout.strip()), (0, "2"), done.stderr)


class InProcess(unittest.TestCase):
    def test_it_does_the_same_without_a_process(self):
        seen = []
        with oast.InProcessWorker(on_output=seen.append) as w:
            self.assertEqual(w.remote_call_fetch("string.rep", "a", 3), "aaa")
            self.assertEqual(w.remote_eval("print('x') return {1, 2}").result(GENEROUS), [1, 2])
            self.assertEqual([o.text for o in seen], ["x\n"])
            endless = w.remote_eval("while true do end")
            endless.cancel()
            self.assertEqual(w.remote_eval_fetch("return 4"), 4)


if __name__ == "__main__":
    unittest.main()
