"""A kernel sees the modules that its Python sees: in a virtual environment what is installed there,
and with PYTHONPATH and Python's flags what they say."""

import pathlib
import subprocess
import sys
import tempfile
import unittest

from support import GENEROUS, ENGINE, KernelTest, has


class VirtualEnvironment(KernelTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.scratch = tempfile.TemporaryDirectory(prefix="oast-test.")
        cls.addClassCleanup(cls.scratch.cleanup)
        cls.place = pathlib.Path(cls.scratch.name).resolve() / "venv"
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(cls.place)],
                       check=True, timeout=3 * GENEROUS)
        packages, = cls.place.glob("lib/python3*/site-packages")
        (packages / "only_in_the_venv.py").write_text("answer = 42\n")
        cls.own_oast = packages / "oast.py"
        cls.own_oast.touch()

    def start(self, **options):
        return super().start(exename=str(self.place / "bin/python"), **options)

    def test_its_modules_are_found(self):
        self.assertEqual(self.eval("import only_in_the_venv\nonly_in_the_venv.answer"), 42)
        self.assertEqual(self.eval("import sys\nsys.prefix"), str(self.place))

    def test_an_oast_that_is_installed_there_comes_before_ours(self):
        self.assertEqual(self.eval("import oast\noast.__file__"), str(self.own_oast))

    @unittest.skipUnless(has("numpy"), "numpy is not installed")
    def test_those_of_the_system_are_not(self):
        self.assertEqual(self.failure("import numpy").type, "ModuleNotFoundError")

    def test_tensors_need_nothing_that_is_installed(self):
        data = memoryview(bytes(8)).cast("d")
        self.assertEqual(self.w.remote_call_fetch("builtins.list", data), [0.0])
        self.assertEqual(self.w.remote_call_fetch("only_in_the_venv.__dict__.get", "answer"), 42)


class Starting(KernelTest):
    def test_what_is_slow_to_import_waits_until_something_needs_it(self):
        slow = {"ast", "asyncio", "collections", "contextlib", "enum", "functools", "getpass",
                "inspect", "json", "linecache", "logging", "pickle", "re", "signal", "traceback",
                "typing"}
        bare = subprocess.run([sys.executable, "-c", "import sys, threading; print(*sys.modules)"],
                              stdout=subprocess.PIPE, check=True, universal_newlines=True)
        ours = set(self.eval("import sys; list(sys.modules)")) - set(bare.stdout.split())
        self.assertIn("oast_kernel.engine", ours)
        self.assertEqual(ours & slow, set())

    def test_tracebacks_that_code_makes_show_its_lines_from_the_first_on(self):
        self.eval("def f():\n    1/0  # here")
        text = self.eval("import traceback\ntry:\n    f()  # there\nexcept ZeroDivisionError:\n"
                         "    text = traceback.format_exc()\ntext")
        self.assertIn("1/0  # here", text)
        self.assertIn("f()  # there", text)
        self.assertIn("return 3", self.eval("def g(): return 3\nimport inspect\n"
                                            "inspect.getsource(g)"))


class SearchPath(KernelTest):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory(prefix="oast-test.")
        self.addCleanup(scratch.cleanup)
        self.place = pathlib.Path(scratch.name).resolve()
        (self.place / "by_path.py").write_text("answer = 42\n")
        super().setUp()

    def of_python(self, *arguments, **env):
        """sys.path that such a Python prints."""
        done = subprocess.run([sys.executable, *arguments], env=env, stdout=subprocess.PIPE,
                              check=True, universal_newlines=True)
        return done.stdout.split("\n")[:-1]

    def of_kernel(self, **options):
        """sys.path of a kernel without what a kernel adds, which stands at its end."""
        with self.start(**options) as w:
            paths = w.remote_eval_fetch("import sys; sys.path")
        self.assertEqual(paths[-2], str(ENGINE))
        return paths[:-2]

    def test_it_is_that_of_python_with_the_same_flags_and_environment(self):
        code = "import sys; print(*sys.path, sep='\\n')"
        for flags in ([], ["-E"], ["-I"], ["-s", "-S"]):
            for env in ({}, {"PYTHONPATH": str(self.place)}):
                with self.subTest(flags=flags, env=env):
                    self.assertEqual(self.of_kernel(exeflags=flags, env=env),
                                     self.of_python(*flags, "-c", code, **env))

    def test_that_of_a_script_too(self):
        script = self.place / "script.py"
        script.write_text("import sys; print(*sys.path, sep='\\n')")
        for flags in ([], ["-I"]):
            with self.subTest(flags=flags), self.start(exeflags=flags) as w:
                paths = w.remote_eval_fetch("import sys; sys.path", source_name=str(script))
                self.assertEqual(paths[:-2], self.of_python(*flags, str(script)))

    def test_a_start_may_give_another_path(self):
        with self.start(env={"PYTHONPATH": str(self.place)}) as w:
            self.assertEqual(w.remote_eval_fetch("import by_path; by_path.answer"), 42)

    @unittest.skipUnless(has("matplotlib"), "matplotlib is not installed")
    def test_child_processes_find_the_backend_that_they_are_told_of(self):
        code = ("import subprocess, sys\n"
                "subprocess.run([sys.executable, '-c', 'import matplotlib.pyplot as p; p.plot()']"
                ").returncode")
        with self.start(env={"PYTHONPATH": str(self.place)}) as w:
            self.assertEqual(w.with_options(timeout=GENEROUS).remote_eval_fetch(code), 0)


if __name__ == "__main__":
    unittest.main()
