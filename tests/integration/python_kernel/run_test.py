"""`oast run` with a program in Python: it ends as under python."""

import os
import pathlib
import subprocess
import sys
import unittest

from support import PROGRAMS, Daemon


class Run(unittest.TestCase):
    def setUp(self):
        self.daemon = Daemon()
        self.script = os.path.join(self.daemon.directory, "script.py")

    def tearDown(self):
        self.daemon.close()

    def run_script(self, code, *arguments, given=""):
        pathlib.Path(self.script).write_text(code)
        return subprocess.run(
            [str(PROGRAMS / "oast"), "run", "-b", self.daemon.directory, "-k", "python",
             self.script, *arguments], input=given, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            universal_newlines=True, timeout=30)

    def test_exit_codes_are_those_of_python(self):
        for code, expected in (("", 0), ("import sys; sys.exit()", 0),
                               ("import sys; sys.exit(7)", 7), ("raise SystemExit(True)", 1),
                               ("import sys; sys.exit('sorry')", 1), ("1/0", 1)):
            self.assertEqual(self.run_script(code).returncode, expected, code)
        self.assertEqual(self.run_script("import sys; sys.exit('sorry')").stderr, "sorry\n")

    def test_tracebacks_are_those_of_python(self):
        for code in ("def f():\n    1/0\nf()\n", "x = (1,\n", "raise ValueError('a\\nb')",
                     "try:\n    1/0\nexcept ZeroDivisionError as e:\n    raise KeyError(1) from e"):
            ours = self.run_script(code).stderr
            python = subprocess.run([sys.executable, self.script], stdout=subprocess.PIPE,
                                    stderr=subprocess.PIPE, universal_newlines=True, timeout=30)
            self.assertEqual(ours, python.stderr)

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


if __name__ == "__main__":
    unittest.main()
