"""Ctrl-C at any moment inside the package leaves nothing behind and nothing stuck."""

import os
import unittest

from support import run_python

_ROUNDS = int(os.environ.get("OAST_CTRL_C", "300"))  # by hand: 10000

_PROGRAM = """
import gc, os, random, signal, sys, threading, time
import oast
from oast import _handles

rounds = int(sys.argv[1])
broker = oast._broker.default_broker()

def living():
    return [k for k in broker.list() if k.state != "dead"]

def work(round):
    with oast.Worker("lua", monitor_stdout=False) as w:
        c = w.worker_channel("c = oast.channel(10) return c")
        for i in range(3):
            w.remote_eval_fetch(f"return {i}")
            later = w.remote_eval("return 1", args=[b"x" * 100000])
            c.put(i)
            c.take()
            later.result()
            later.cancel()

def quiet(function, *arguments):
    while True:
        try:
            return function(*arguments)
        except KeyboardInterrupt:
            pass

work(0)
time.sleep(0.2)
fds = len(os.listdir("/proc/self/fd"))
sent, went, ended = [0], threading.Event(), threading.Event()

def interrupt():
    while sent[0] < rounds:
        time.sleep(random.random() * 0.03)
        os.kill(os.getpid(), signal.SIGINT)
        sent[0] += 1
    ended.set()

thread = threading.Thread(target=interrupt, daemon=True)
threads_before = threading.active_count()
caught = 0
try:
    thread.start()
except KeyboardInterrupt:
    pass
while not quiet(ended.is_set):
    try:
        work(1)
    except KeyboardInterrupt:
        caught += 1
quiet(thread.join)

deadline = time.monotonic() + 20
while (living() or _handles.open_handles() > 1) and time.monotonic() < deadline:
    gc.collect()
    time.sleep(0.02)
print("kernels", len(living()), "handles", _handles.open_handles() - 1)
with oast.Worker("lua") as w:
    print("fetch", w.remote_eval_fetch("return 1", timeout=20))
    seen = threading.Event()
    w.remote_eval("return 1").add_done_callback(lambda _: seen.set())
    print("queue", seen.wait(20), "tickets", len(oast._queue.queue._waiting))
time.sleep(0.3)
left = len(os.listdir("/proc/self/fd")) - fds
print("descriptors", max(left - 4, 0))
print("caught", caught, file=sys.stderr)
"""


class CtrlC(unittest.TestCase):
    def test_p3_p10_at_any_moment_leaks_nothing_and_blocks_nothing(self):
        ran = run_python(_PROGRAM, str(_ROUNDS))
        self.assertEqual(ran.stdout.splitlines(), [
            "kernels 0 handles 0", "fetch 1", "queue True tickets 0", "descriptors 0"], ran.stderr)


if __name__ == "__main__":
    unittest.main()
