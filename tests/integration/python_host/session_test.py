"""Sessions: what one process began and another goes on with."""

import pathlib
import signal
import threading
import unittest

import oast
from support import GENEROUS, Daemon, eventually, exists, run_python

# Submits something that waits for a file, says what it is called, and is killed with its future open
# and none of the output done with.
KILLED = """
import os, signal, sys, threading, oast
broker = oast.connect(sys.argv[1], session="notes")
w = broker.start("python", name="work")
w.remote_eval_wait(f"import os, time; n = 0; go = {sys.argv[2]!r}")
future = w.remote_eval('''
for i in range(100):
    print(i)
while not os.path.exists(go):
    time.sleep(0.005)
for i in range(100, 200):
    print(i)
n += 1
"the value"
''', on_output=lambda output: threading.Event().wait())
print(w.id, future.request, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""

# Is killed while its user is asked something.
ASKED = """
import os, signal, sys, threading, oast
broker = oast.connect(sys.argv[1], session="asked")
w = broker.start("python")
asked = threading.Event()
future = w.remote_eval("name = input('who? ')",
                       on_input=lambda *_: asked.set() or threading.Event().wait())
asked.wait()
print(w.id, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""

# Ends as a program does.
LEAVING = """
import sys, oast
broker = oast.connect(sys.argv[1], session=sys.argv[2])
w = broker.start("lua")
w.remote_do("x = 5")
print(w.id, broker.resumed)
"""


class Sessions(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.daemon = Daemon()

    @classmethod
    def tearDownClass(cls):
        cls.daemon.close()

    def connect(self, session, **options):
        broker = oast.connect(self.daemon.directory, session=session, **options)
        self.addCleanup(broker.close)
        self.addCleanup(broker.end_session)
        return broker

    def test_what_a_killed_host_asked_for_goes_on_and_its_answer_waits(self):
        go = pathlib.Path(self.daemon.directory, "go")
        ended = run_python(KILLED, self.daemon.directory, str(go))
        self.assertEqual(ended.returncode, -signal.SIGKILL, ended.stderr)
        kernel, request = map(int, ended.stdout.split())
        broker = self.connect("notes")
        self.assertTrue(broker.resumed)
        self.assertEqual(broker.find(kernel).state, "busy")
        seen = []
        all_seen = threading.Event()

        def on_output(output):
            seen.append(output.text)
            if "".join(seen).endswith("199\n"):
                all_seen.set()

        w = broker.attach(kernel, on_output=on_output)
        log = w.log(request=request, follow=True)
        first = next(log)  # the request runs
        self.assertEqual(first.kind, "output")
        go.touch()
        [answer] = [r for r in log if r.kind in ("value", "failure")]
        self.assertEqual(answer.what, "the value")
        self.assertEqual(w.remote_eval_fetch("n"), 1)
        self.assertTrue(all_seen.wait(GENEROUS))
        self.assertEqual("".join(seen), "".join(f"{i}\n" for i in range(200)))

    def test_what_code_asked_a_killed_host_for_the_next_is_asked(self):
        ended = run_python(ASKED, self.daemon.directory)
        self.assertEqual(ended.returncode, -signal.SIGKILL, ended.stderr)
        broker = self.connect("asked")
        prompts = []
        w = broker.attach(int(ended.stdout),
                          on_input=lambda prompt, *_: prompts.append(prompt) or "Ada")
        self.assertEqual(w.remote_eval_fetch("name"), "Ada")
        self.assertEqual(prompts, ["who? "])

    def test_a_program_that_ends_leaves_its_kernels_to_the_session(self):
        first = run_python(LEAVING, self.daemon.directory, "left").stdout.split()
        second = run_python(LEAVING, self.daemon.directory, "left").stdout.split()
        self.assertEqual((first[1], second[1]), ("False", "True"))
        broker = oast.connect(self.daemon.directory, session="left")
        for kernel in int(first[0]), int(second[0]):
            self.assertEqual(broker.attach(kernel).remote_eval_fetch("return x"), 5)
        with oast.connect(self.daemon.directory) as watcher:
            pid = watcher.find(int(first[0])).pid
            broker.end_session()
            broker.close()
            eventually(lambda: not exists(pid), "the kernels end with the session")

    def test_without_a_name_nothing_is_left(self):
        broker = oast.connect(self.daemon.directory)
        self.assertFalse(broker.resumed)
        w = broker.start("lua")
        with oast.connect(self.daemon.directory) as watcher:
            pid = watcher.find(w.id).pid
            w.close(), broker.close()
            eventually(lambda: not exists(pid), "it ends")

    def test_nonsense_is_refused(self):
        with self.assertRaises(oast.InvalidError):
            oast.connect(self.daemon.directory, session="a/b")
        with self.assertRaises(ValueError):
            oast.connect(self.daemon.directory, session="a", session_timeout=-1)
        with self.assertRaises(oast.NotFoundError):
            oast.connect("/nonexistent/oast", session="a")

    def test_a_session_waits_no_longer_than_it_said(self):
        broker = oast.connect(self.daemon.directory, session="short", session_timeout=0.2)
        w = broker.start("lua")
        with oast.connect(self.daemon.directory) as watcher:
            w.close(), broker.close()
            eventually(lambda: watcher.find(w.id).death is not None, "its time is over")
            self.assertEqual(watcher.find(w.id).death.cause, "owner_gone")


if __name__ == "__main__":
    unittest.main()
