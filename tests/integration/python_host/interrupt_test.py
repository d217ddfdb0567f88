"""Ctrl-C ends whatever blocks on the main thread, at once, and what remains is sound."""

import json
import os
import pathlib
import tempfile
import unittest

from support import PROGRAMS, Daemon, PythonTest, eventually, run_python

_QUICK = 2.0  # seconds from the signal to the exception; otherwise all of this blocks for longer

# A program that is interrupted once its main thread has slept in a function of oast for a while.
_PRELUDE = """
import os, pathlib, signal, sys, threading, time
import oast

main, tid = threading.main_thread().ident, threading.main_thread().native_id

def state_of(task):
    return pathlib.Path(f"/proc/{task}/stat").read_text().rsplit(")", 1)[1].split()[0]

def blocked():
    here = sys._current_frames()[main].f_code.co_filename
    return state_of(f"self/task/{tid}") == "S" and "/oast/" in here

def suspend(pid):
    os.kill(pid, signal.SIGSTOP)
    eventually(lambda: state_of(pid) == "T")

def interrupt():
    seen = 0
    while seen < 5:
        time.sleep(0.01)
        seen = seen + 1 if blocked() and interrupt.ready() else 0
    interrupt.sent = time.monotonic()
    os.kill(os.getpid(), signal.SIGINT)

interrupt.ready = lambda: True

def interrupted(function, *arguments, **options):
    threading.Thread(target=interrupt, daemon=True).start()
    try:
        function(*arguments, **options)
    except KeyboardInterrupt:
        took = time.monotonic() - interrupt.sent
        print("ended" if took < %f else f"ended after {took} s")
    else:
        print("returned")

def eventually(fact):
    end = time.monotonic() + 20
    while not fact():
        assert time.monotonic() < end
        time.sleep(0.005)
""" % _QUICK

_SPECS = {
    # Never registers.
    "mute": {"argv": ["/bin/sh", "-c", "echo $$ > $PID_FILE; exec sleep 1000"]},
    # Registers when it may.
    "gated": {"argv": ["/bin/sh", "-c", f"until [ -e $GATE ]; do sleep 0.01; done; exec {PROGRAMS}"
                                        "/oast-kernel-lua"]},
}


class Interrupting(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory(prefix="oast-test.")
        self.addCleanup(scratch.cleanup)
        self.scratch = pathlib.Path(scratch.name)
        for name, spec in _SPECS.items():
            (self.scratch / name).mkdir()
            (self.scratch / name / "oast.json").write_text(
                json.dumps({**spec, "env": {"PATH": "/usr/bin:/bin"}}))

    def check(self, code, expected, *arguments):
        environment = {**os.environ, "OAST_SPECS": str(self.scratch)}
        ran = run_python(_PRELUDE + code, str(self.scratch), *arguments, env=environment)
        self.assertEqual((ran.stdout.split(), ran.stderr), (expected.split(), ""))

    def test_a_start_is_taken_back(self):
        self.check("""
pid_file = pathlib.Path(sys.argv[1], "pid")
interrupt.ready = lambda: pid_file.exists() and pid_file.read_text()  # its program runs
interrupted(oast.Worker, "mute", env={"PID_FILE": str(pid_file)}, timeout=1000)
interrupt.ready = lambda: True
pid = int(pid_file.read_text())
eventually(lambda: not os.path.exists(f"/proc/{pid}"))
with oast.Worker("lua") as w:
    print(w.remote_eval_fetch("return 1"))
""", "ended 1")

    def test_a_start_that_succeeds_meanwhile_leaves_no_kernel(self):
        self.check("""
def open_gate(gate, delay):
    eventually(lambda: interrupt.sent)
    time.sleep(delay)
    gate.touch()

with oast.Worker("lua") as other:
    for round in range(15):
        gate = pathlib.Path(sys.argv[1], f"gate{round}")
        interrupt.sent = None
        opener = threading.Thread(target=open_gate, args=(gate, round * 0.005))
        opener.start()
        interrupted(oast.Worker, "gated", env={"GATE": str(gate)})
        opener.join()
    living = lambda: [k for k in other.broker.list() if k.state != "dead"]
    eventually(lambda: len(living()) == 1)
""", "ended " * 15)

    def test_a_stop_goes_on_and_can_be_repeated(self):
        self.check("""
w = oast.Worker("lua")
suspend(w.info().pid)
interrupted(w.stop, 1000, 1000)
print(w.info().state)
w.stop(0.01, 0.01)
print(w.death.signal)
""", "ended stopping 9")

    def test_what_a_channel_is_made_of_is_interrupted(self):
        self.check("""
for w in oast.Worker("lua"), oast.InProcessWorker():
    interrupted(w.worker_channel, "while true do end")
    print(w.remote_eval_fetch("return 1", timeout=20))
""", "ended 1 ended 1")

    def test_questions_of_frontends(self):
        self.check("""
for w in oast.Worker("lua"), oast.InProcessWorker():
    endless = w.remote_eval("while true do end")
    for ask in w.complete, w.inspect, w.is_complete:
        interrupted(ask, "string.for")
    endless.cancel()
    print(*w.complete("string.for").matches)
""", "ended ended ended format " * 2)

    def test_what_a_stopped_kernel_does_not_answer(self):
        self.check("""
w = oast.Worker("lua")
c = w.worker_channel("c = oast.channel(1) return c")
endless = w.remote_eval("while true do end")
eventually(lambda: w.info().state == "busy")
pid = w.info().pid
suspend(pid)
interrupted(w.interrupt, timeout=1000)
interrupted(w.broker.interrupt, w, timeout=1000)
interrupted(c.is_ready)
interrupted(c.close)
os.kill(pid, signal.SIGCONT)
endless.cancel()
print(w.remote_eval_fetch("return 1", timeout=20))
""", "ended ended ended ended 1")

    def test_what_a_stopped_broker_does_not_answer(self):
        with Daemon() as daemon:
            self.check("""
broker, pid = oast.connect(sys.argv[2]), int(sys.argv[3])
w = broker.start("lua")
for ask in (broker.list, broker.specs, lambda: broker.find(w), w.info, w.isrunning, w.kill,
            lambda: broker.attach(w), lambda: broker.signal(w, 10), w.close,
            lambda: oast.connect(sys.argv[2], timeout=1000)):
    suspend(pid)
    interrupted(ask)
    os.kill(pid, signal.SIGCONT)
    broker.list()
""", "ended " * 10, daemon.directory, str(daemon.pid))

    def test_a_handler_that_does_not_raise_ends_it_too(self):
        self.check("""
signal.signal(signal.SIGINT, lambda *_: print("handled"))
w = oast.Worker("lua")
try:
    interrupted(w.worker_channel, "while true do end")
except oast.Interrupted:
    print(w.remote_eval_fetch("return 1", timeout=20))
""", "handled 1")


class InKernels(PythonTest):
    def test_interrupting_a_kernel_ends_what_it_waits_for(self):
        w = self.start()
        w.remote_eval_wait("import oast; inner = oast.Worker('lua')")
        waiting = w.remote_eval("inner.worker_channel('while true do end')")
        busy = {"python", "lua"}
        eventually(lambda: {k.spec for k in self.broker.list() if k.state == "busy"} == busy,
                   "both run")
        self.assertEqual(w.interrupt(timeout=20), "interrupted")
        self.assertIsNotNone(waiting.exception())
        self.assertEqual(w.remote_eval_fetch("inner.remote_eval_fetch('return 1', timeout=20)"), 1)


if __name__ == "__main__":
    unittest.main()
