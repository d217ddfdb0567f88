"""The package can be installed and used from anywhere."""

import importlib.util
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

import oast
from support import run_python

SOURCE = pathlib.Path(oast.__file__).resolve().parents[1]


class Installing(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory(prefix="oast-install.")
        self.addCleanup(scratch.cleanup)
        self.scratch = pathlib.Path(scratch.name)

    def run_there(self, *command, **environment):
        """Without anything that this test was told of the tree."""
        env = {k: v for k, v in os.environ.items() if not k.startswith(("OAST", "PYTHON"))}
        env.update(environment)
        return subprocess.run(
            list(map(str, command)), cwd=self.scratch, env=env, timeout=120,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True,
        )

    def test_by_pip_and_offline(self):
        tree = self.scratch / "tree"  # setuptools writes beside the sources
        for part in (SOURCE, SOURCE.parents[1] / "schemas/python"):  # where a link of it leads
            shutil.copytree(part, tree / part.relative_to(SOURCE.parents[1]), symlinks=True,
                            ignore=shutil.ignore_patterns("__pycache__"))
        made = self.run_there(sys.executable, "-m", "venv", "--system-site-packages", "venv")
        self.assertEqual(made.returncode, 0, made.stdout)
        python = self.scratch / "venv/bin/python"
        installed = self.run_there(
            python, "-m", "pip", "install", "--no-index", "--no-build-isolation", "--no-deps",
            "--disable-pip-version-check", tree / "bindings/python",
        )
        self.assertEqual(installed.returncode, 0, installed.stdout)
        shutil.rmtree(tree)
        code = (
            "import oast; "
            "print(oast.__file__, oast.InProcessWorker().remote_eval_fetch('return 2'))"
        )
        ran = self.run_there(python, "-c", code, OAST_LIBRARY=os.environ["OAST_LIBRARY"])
        self.assertIn("/venv/lib", ran.stdout)
        self.assertTrue(ran.stdout.endswith(" 2\n"), ran.stdout)
        self.assertTrue(list(self.scratch.glob("venv/lib/python3*/site-packages/oast/py.typed")))

        missing = self.run_there(python, "-c", "import oast", OAST_LIBRARY="/nowhere/liboast.so.1")
        self.assertIn("OAST_LIBRARY", missing.stdout)

    def test_the_build_tree_is_found_without_being_told(self):
        if not (SOURCE.parents[1] / "build/release/lib/liboast.so.1").exists():
            self.skipTest("there is no release build")
        code = "import oast; print(oast.InProcessWorker().remote_eval_fetch('return 3'))"
        ran = self.run_there(sys.executable, "-c", code, PYTHONPATH=str(SOURCE))
        self.assertEqual(ran.stdout, "3\n")

    def test_the_readmes_say_what_happens(self):
        for folder in (SOURCE, SOURCE.parents[1]):
            text = (folder / "README.md").read_text()
            program = re.search(r"```python first\n(.*?)```", text, re.S).group(1)
            printed = re.search(r"```text first-python\n(.*?)```", text, re.S).group(1)
            with self.subTest(folder):
                ran = run_python(program)
                self.assertEqual(ran.stderr, "")
                self.assertEqual(ran.stdout, printed)

    @unittest.skipUnless(importlib.util.find_spec("matplotlib"), "matplotlib is not installed")
    def test_the_readme_s_host_saves_a_figure(self):
        text = (SOURCE / "README.md").read_text()
        program = re.search(r"```python figure\n(.*?)```", text, re.S).group(1)
        ran = run_python(program, cwd=str(self.scratch))
        self.assertEqual((ran.stderr, ran.returncode), ("", 0))
        self.assertTrue((self.scratch / "figure.png").read_bytes().startswith(b"\x89PNG\r\n"))


if __name__ == "__main__":
    unittest.main()
