"""Ctrl-C at any moment inside the package leaves nothing behind and nothing stuck."""

import os
import unittest

from support import Daemon, run_python

_ROUNDS = int(os.environ.get("OAST_CTRL_C", "200"))  # by hand: 10000
_DEADLINE = 250 + _ROUNDS / 2  # seconds, on a machine that does much else

_PRELUDE = """
import gc, os, signal, subprocess, sys, threading, time
import oast
from oast import _handles

rounds = int(sys.argv[1])

# It raises once in each round, and never in this program's own code.
inside = []

def handler(*_):
    if inside:
        inside.clear()
        raise KeyboardInterrupt

signal.signal(signal.SIGINT, handler)

# Another process sends them: a thread of this one would only where others let go of the GIL.
def start_sender():
    return subprocess.Popen([sys.executable, "-c", '''
import os, random, signal, sys, time
for _ in range(int(sys.argv[1])):
    end = time.perf_counter() + random.random() * os.read(0, 1)[0] / 1000
    while time.perf_counter() < end:
        pass
    os.kill(os.getppid(), signal.SIGINT)
''', str(rounds)], stdin=subprocess.PIPE)
"""

_PROGRAM = _PRELUDE + """
broker = oast._broker.default_broker()

def living():
    return [k for k in broker.list() if k.state != "dead"]

def use(w, c):
    for i in range(3):
        w.remote_eval_fetch(f"return {i}")
        later = w.remote_eval("return 1", args=[b"x" * 100000])
        c.put(i)
        c.take()
        later.result()
        later.cancel()

def make():
    w = oast.Worker("lua", monitor_stdout=False)
    return w, w.worker_channel("c = oast.channel(100) return c")

w, c = make()
use(w, c)
w.close()
del w, c
time.sleep(0.2)
fds = len(os.listdir("/proc/self/fd"))
sender = start_sender()
begin = sender.stdin.fileno()

caught, kept = 0, []
while sender.poll() is None:
    w = None
    for round in range(50):
        try:
            inside.append(True)
            os.write(begin, bytes([40 if w is None else 2]))
            if w is None:
                w, c = make()
            else:
                use(w, c)
            inside.clear()
        except BrokenPipeError:  # it has sent all
            inside.clear()
        except KeyboardInterrupt:
            caught += 1
    if w is not None:
        kept.append((w, c))  # so that nothing but closing them ends them
        w.close()
sender.stdin.close()

deadline = time.monotonic() + 20
while living() and time.monotonic() < deadline:
    time.sleep(0.02)
print("closed", len(living()) == 0)
w = c = None
kept.clear()
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
print("descriptors", len(os.listdir("/proc/self/fd")) - fds)
print("caught", caught > 0)
"""

_TAKING = _PRELUDE + """
w = oast.Worker("lua")
c = w.worker_channel("c, gate = oast.channel(2), oast.channel(1) return c")
gate = w.worker_channel("return gate")
put = w.remote_eval('''
local i, t = 0, 0
repeat
    t = os.clock()
    repeat until os.clock() - t > 0.0002
    i = i + 1
    c:put(i)
until gate:ready()
c:close()
return i
''')
sender = start_sender()
begin, caught, taken = sender.stdin.fileno(), 0, []
for round in range(rounds):
    try:
        inside.append(True)
        os.write(begin, bytes([3]))
        while inside:
            try:
                taken.append(c.take(timeout=0.0004) if round % 2 else c.take())
            except oast.TimeoutError:
                pass
    except KeyboardInterrupt:
        caught += 1
sender.stdin.close()
gate.put(0)
taken.extend(c)
print("caught", caught == rounds)
count = put.result(20)
print("lost", set(range(1, count + 1)) - set(taken), "doubled", len(taken) - len(set(taken)))
"""

_PRINTING = _PRELUDE + """
seen = []

def on_output(output):
    if threading.current_thread() is threading.main_thread():
        seen.append(output)
        end = time.perf_counter() + 0.0005
        while time.perf_counter() < end:
            pass

w = oast.Worker("lua", on_output=on_output)
sender = start_sender()
begin, caught = sender.stdin.fileno(), 0
for round in range(rounds):
    try:
        inside.append(True)
        os.write(begin, bytes([5]))
        while inside:
            w.remote_eval_fetch("for i = 1, 5 do print(i) end")
    except KeyboardInterrupt:
        caught += 1
print("on the main thread", len(seen) > 0, "caught", caught == rounds)
"""

_ENDLESS = _PRELUDE + """
w = oast.Worker("lua")
c = w.worker_channel("c = oast.channel(1) return c")
c.put("full")
sender = start_sender()
begin, caught = sender.stdin.fileno(), 0
for round in range(rounds):
    try:
        inside.append(True)
        os.write(begin, bytes([1]))
        c.put(round) if round % 4 == 0 else w.remote_eval_fetch("while true do end")
    except KeyboardInterrupt:
        caught += 1
print("caught", caught == rounds, w.remote_eval_fetch("c:take() return c:ready()", timeout=20))
"""

_READING = """
import os, signal, sys, threading
import oast

w = oast.connect(sys.argv[1]).start("python", trust=True)
read, write = os.pipe()
w.remote_eval_wait(f'''
class Hangs:  # when it is read
    def __reduce__(self):
        return exec, ("import os, time; os.write({write}, b'x'); time.sleep(1000)",)
c = RemoteChannel(1)
c.put(Hangs())
''')
c = w.worker_channel("c")

# The thread that would read results before this one does.
busy, end = threading.Event(), threading.Event()
w.remote_eval("1").add_done_callback(lambda _: (busy.set(), end.wait()))
busy.wait()

def interrupt_the_reading():
    os.read(read, 1)
    os.kill(os.getpid(), signal.SIGINT)

for get in w.remote_eval("Hangs()").result, w.remote_eval("Hangs()").exception, c.take_async().result:
    threading.Thread(target=interrupt_the_reading).start()
    try:
        print(get())
    except KeyboardInterrupt:
        print(get.__name__, get.__self__.done())
end.set()
print(w.remote_eval("2").result(20))
"""


class CtrlC(unittest.TestCase):
    def test_p3_p10_at_any_moment_leaks_nothing_and_blocks_nothing(self):
        ran = run_python(_PROGRAM, str(_ROUNDS), timeout=_DEADLINE)
        self.assertEqual(ran.stdout.splitlines(), [
            "closed True", "kernels 0 handles 0", "fetch 1", "queue True tickets 0", "descriptors 0",
            "caught True"], ran.stderr)
        self.assertEqual(ran.stderr, "")  # no Ctrl-C was swallowed

    def test_p10_it_is_raised_when_it_comes_inside_a_callback_for_output(self):
        ran = run_python(_PRINTING, str(_ROUNDS), timeout=_DEADLINE)
        self.assertEqual(
            (ran.stdout, ran.stderr), ("on the main thread True caught True\n", ""))

    def test_p10_what_it_ends_is_cancelled_also_when_just_sent(self):
        ran = run_python(_ENDLESS, str(_ROUNDS // 2), timeout=_DEADLINE)
        self.assertEqual((ran.stdout, ran.stderr), ("caught True False\n", ""))

    def test_p1_a_take_that_it_ends_loses_no_value(self):
        ran = run_python(_TAKING, str(_ROUNDS), timeout=_DEADLINE)
        self.assertEqual(ran.stdout.splitlines(), ["caught True", "lost set() doubled 0"], ran.stderr)
        self.assertEqual(ran.stderr, "")

    def test_p10_it_ends_the_reading_of_a_result(self):
        with Daemon() as daemon:
            ran = run_python(_READING, daemon.directory)
        self.assertEqual(ran.stdout.splitlines(), [
            "result True", "exception True", "result True", "2"], ran.stderr)
        self.assertEqual(ran.stderr, "")

    def test_p10_a_callback_that_blocks_does_not_hold_the_end_of_the_program(self):
        ran = run_python("""
import threading, oast
w = oast.Worker("lua")
blocks = threading.Event()
w.remote_eval("return 1").add_done_callback(lambda _: (blocks.set(), threading.Event().wait()))
blocks.wait()
print("end")
""")
        self.assertEqual((ran.returncode, ran.stdout), (0, "end\n"), ran.stderr)
        self.assertIn("RuntimeWarning: a callback of a future", ran.stderr)


if __name__ == "__main__":
    unittest.main()
