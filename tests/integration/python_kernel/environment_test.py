"""A kernel in a virtual environment sees what is installed there, and that only."""

import pathlib
import subprocess
import sys
import tempfile
import unittest

from support import GENEROUS, KernelTest, has


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

    def start(self, **options):
        return super().start(exename=str(self.place / "bin/python"), **options)

    def test_its_modules_are_found(self):
        self.assertEqual(self.eval("import only_in_the_venv\nonly_in_the_venv.answer"), 42)
        self.assertEqual(self.eval("import sys\nsys.prefix"), str(self.place))

    @unittest.skipUnless(has("numpy"), "numpy is not installed")
    def test_those_of_the_system_are_not(self):
        self.assertEqual(self.failure("import numpy").type, "ModuleNotFoundError")

    def test_tensors_need_nothing_that_is_installed(self):
        data = memoryview(bytes(8)).cast("d")
        self.assertEqual(self.w.remote_call_fetch("builtins.list", data), [0.0])
        self.assertEqual(self.w.remote_call_fetch("only_in_the_venv.__dict__.get", "answer"), 42)


if __name__ == "__main__":
    unittest.main()
