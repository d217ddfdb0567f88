"""The command with Python: programs end as under python, and values are shown as python shows them.
"""

import json
import os
import pathlib
import signal
import subprocess
import sys
import unittest

from support import GENEROUS, PROGRAMS, Daemon


class Run(unittest.TestCase):
    def setUp(self):
        self.daemon = Daemon()
        self.script = os.path.join(self.daemon.directory, "script.py")

    def tearDown(self):
        self.daemon.close()

    def command(self, *arguments):
        return [str(PROGRAMS / "oast"), "run", "-b", self.daemon.directory, "-k", "python",
                self.script, *arguments]

    def run_script(self, code, *arguments, given=""):
        pathlib.Path(self.script).write_text(code)
        return subprocess.run(self.command(*arguments), input=given, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, universal_newlines=True, timeout=30)

    def run_python(self):
        """The same script again."""
        return subprocess.run([sys.executable, self.script], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, universal_newlines=True, timeout=30)

    def test_exit_codes_are_those_of_python(self):
        for code, expected in (("", 0), ("import sys; sys.exit()", 0),
                               ("import sys; sys.exit(7)", 7), ("raise SystemExit(True)", 1),
                               ("import sys; sys.exit('sorry')", 1), ("1/0", 1)):
            self.assertEqual(self.run_script(code).returncode, expected, code)
        self.assertEqual(self.run_script("import sys; sys.exit('sorry')").stderr, "sorry\n")

    def test_a_prompt_that_was_interrupted_does_not_take_the_line_of_the_next(self):
        pathlib.Path(self.script).write_text("try:\n    a = input('one ')\n"
                                             "except KeyboardInterrupt:\n    a = 'none'\n"
                                             "b = input('two ')\nprint((a, b))\n")
        ours, theirs = os.openpty()
        self.addCleanup(os.close, ours)
        command = subprocess.Popen(self.command(), stdin=theirs, stdout=subprocess.PIPE)
        self.addCleanup(command.stdout.close)
        os.close(theirs)
        self.assertEqual(command.stdout.read(4), b"one ")
        command.send_signal(signal.SIGINT)
        self.assertEqual(command.stdout.read(4), b"two ")
        os.write(ours, b"line\n")
        self.assertEqual(command.stdout.read(), b"('none', 'line')\n")
        self.assertEqual(command.wait(GENEROUS), 0)

    def test_tracebacks_are_those_of_python(self):
        for code in ("def f():\n    1/0\nf()\n", "x = (1,\n", "raise ValueError('a\\nb')",
                     "try:\n    1/0\nexcept ZeroDivisionError as e:\n    raise KeyError(1) from e"):
            self.assertEqual(self.run_script(code).stderr, self.run_python().stderr)

    def test_threads_and_functions_of_atexit_end_it_as_they_end_python(self):
        code = ("import atexit, sys, threading, time\n"
                "def work():\n"
                "    threading.main_thread().join(); time.sleep(0.1); print('thread')\n"
                "    1/0\n"
                "atexit.register(print, 'atexit')\n"
                "atexit.register(lambda: print('last words', file=sys.stderr))\n"
                "threading.Thread(target=work).start()\n"
                "print('main')\n")
        for last in ("", "sys.exit(4)", "sys.exit('sorry')", "[].x", "threading.Lock()"):
            with self.subTest(last):
                ours, python = self.run_script(code + last), self.run_python()
                self.assertEqual(ours.stdout, "main\nthread\natexit\n")
                self.assertEqual((ours.stdout, ours.stderr, ours.returncode),
                                 (python.stdout, python.stderr, python.returncode))

    def test_threads_may_go_on_for_longer_than_a_stop_waits(self):
        done = self.run_script("import threading\nthreading.Timer(5.5, print, ['late']).start()")
        self.assertEqual((done.stdout, done.returncode), ("late\n", 0), done.stderr)

    def test_files_that_nobody_closes_are_written(self):
        path = os.path.join(self.daemon.directory, "written")
        self.run_script(f"f = open({path!r}, 'w')\nf.write('all of it')")
        self.assertEqual(pathlib.Path(path).read_text(), "all of it")

    def test_ctrl_c_ends_the_wait_for_threads(self):
        pathlib.Path(self.script).write_text(
            "import atexit, threading\n"
            "def work():\n"
            "    threading.main_thread().join(); print('waits'); threading.Event().wait()\n"
            "atexit.register(print, 'atexit')\n"
            "threading.Thread(target=work).start()\n")
        with subprocess.Popen(self.command(), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              universal_newlines=True) as run:
            self.assertEqual(run.stdout.readline(), "waits\n")
            run.send_signal(signal.SIGINT)
            self.assertEqual(run.communicate(timeout=30), ("atexit\n", "oast: interrupted\n"))
        self.assertEqual(run.returncode, 130)

    def test_a_timeout_is_for_the_end_too(self):
        pathlib.Path(self.script).write_text(
            "import threading\nthreading.Thread(target=threading.Event().wait).start()\n")
        command = self.command()
        command[2:2] = ["--timeout", "1"]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              universal_newlines=True, timeout=30)
        self.assertTrue(done.stderr.startswith("oast: timeout: not done after 1 s"), done.stderr)
        self.assertEqual(done.returncode, 5)

    def test_a_script_has_arguments_input_and_the_current_directory(self):
        done = self.run_script("#!/usr/bin/env python3\nimport sys, os\n"
                               "print(sys.argv[1:], input('? '), __name__, os.getcwd())\n"
                               "print(__file__)\n",
                               "a", "--b", given="line\n")
        self.assertEqual(done.stdout, f"? ['a', '--b'] line __main__ {os.getcwd()}\n"
                                      f"{self.script}\n")
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_the_spec_that_comes_with_oast_needs_no_configuration(self):
        done = subprocess.run([str(PROGRAMS / "oast"), "eval", "-k", "python", "1 + 1"],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              universal_newlines=True, timeout=30)
        self.assertEqual((done.stdout, done.returncode), ("2\n", 0), done.stderr)


class Showing(unittest.TestCase):
    def setUp(self):
        self.daemon = Daemon()
        self.addCleanup(self.daemon.close)

    def oast(self, command, *arguments, given=""):
        return subprocess.run(
            [str(PROGRAMS / "oast"), command, "-b", self.daemon.directory, "-k", "python",
             *arguments], input=given, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            universal_newlines=True, timeout=30)

    def test_what_only_python_knows_is_shown_as_its_repr(self):
        one = "class A:\n    def __repr__(self): return 'A()'\n"
        for code, expected in ((one + "A()", "A()"), ("{1}", "{1}"), ("[1, {2}]", "[1, {2}]"),
                               ("-2**100", str(-2**100)), ("x = []; x.append(x); x", "[[...]]"),
                               ("print('a', end=''); {1}", "a\n{1}"),
                               ("[1, 'a']", "[1, 'a']"), ("1", "1")):
            with self.subTest(code):
                done = self.oast("eval", code)
                self.assertEqual((done.stdout, done.returncode), (expected + "\n", 0), done.stderr)
        self.assertEqual(self.oast("repl", given="{1}\n").stdout, "{1}\n")
        answer = json.loads(self.oast("eval", "--json", "{1}").stdout)
        self.assertIsNone(answer["value"])
        self.assertEqual(answer["outputs"][0]["parts"], {"text/plain": "{1}"})

    def test_a_repr_may_fail_be_long_or_never_end(self):
        start = "class A:\n    def __repr__(self): "
        self.assertEqual(self.oast("eval", start + "raise SystemExit\nA()").stdout,
                         "<A whose repr raises SystemExit>\n")
        self.assertEqual(len(self.oast("eval", start + "return 'x' * 10**6\nA()").stdout),
                         65536 + len("...\n"))
        endless = self.oast("eval", "--timeout", "1", start + "\n        while True: pass\nA()")
        self.assertEqual((endless.stdout, endless.returncode), ("", 5), endless.stderr)


if __name__ == "__main__":
    unittest.main()
