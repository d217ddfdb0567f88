"""oast jupyter run."""

import json
import os
import pathlib
import signal
import subprocess
import unittest
from typing import Any, Dict, List, Optional

import notebook_test
from kit import GENEROUS, PROGRAMS, eventually, has
from support import SCRATCH, TestCase, oast

NUMBER = 0


def write(cells: List[Any], kernel: str = "oast-python", language: str = "python") -> pathlib.Path:
    """A notebook of code cells; a pair is one with a tag."""
    global NUMBER
    NUMBER += 1
    path = SCRATCH / f"notebook-{NUMBER}" / "n.ipynb"
    path.parent.mkdir()
    pairs = [cell if isinstance(cell, tuple) else (cell, None) for cell in cells]
    path.write_text(json.dumps({
        "nbformat": 4, "nbformat_minor": 4,
        "metadata": {"kernelspec": {"name": kernel, "language": language, "display_name": "k"}},
        "cells": [{"cell_type": "code", "execution_count": 9, "source": code, "outputs": [],
                   "metadata": {"tags": [tag]} if tag else {}} for code, tag in pairs]}))
    return path


def cells_of(path: pathlib.Path) -> List[Dict[str, Any]]:
    return list(json.loads(path.read_text())["cells"])


def text(cell: Dict[str, Any]) -> str:
    """What a cell has printed, and its value."""
    found = [o.get("text") or o.get("data", {}).get("text/plain", []) for o in cell["outputs"]]
    return "".join("".join(lines) for lines in found)


class RunTest(TestCase):
    def run_cells(self, cells: List[Any], *options: str, code: int = 0, kernel: str = "oast-python",
                  language: str = "python", out: Optional[pathlib.Path] = None) -> Any:
        path = write(cells, kernel, language)
        ended = oast("jupyter", "run", str(path), *options)
        self.assertEqual(ended.returncode, code, ended.stderr)
        return cells_of(out or path), ended.stderr

    @unittest.skipUnless(has("IPython"), "there is no IPython")
    def test_outputs_are_those_that_nbclient_writes(self) -> None:
        import nbformat  # type: ignore[import]
        path = write(notebook_test.CELLS, "oast-ipython")
        expected = notebook_test.run("oast-ipython")
        self.assertEqual(oast("jupyter", "run", "--allow-errors", str(path)).returncode, 0)
        notebook = nbformat.read(str(path), 4)
        nbformat.validate(notebook)
        for i, code in enumerate(notebook_test.CELLS):
            with self.subTest(code=code):
                self.assertEqual(notebook_test.outputs(notebook.cells[i]), expected[i])

    def test_a_notebook_of_another_language_runs_too(self) -> None:
        cells, progress = self.run_cells(["x = 6", "print('a')", "return x * 7"], kernel="lua",
                                         language="lua")
        self.assertEqual([text(c) for c in cells], ["", "a\n", "42"])
        self.assertEqual([c["execution_count"] for c in cells], [1, 2, 3])
        self.assertIn("[3/3]", progress)

    def test_a_spec_of_the_language_serves_a_kernel_that_is_not_here(self) -> None:
        cells, _ = self.run_cells(["return _VERSION"], kernel="xlua", language="lua")
        self.assertEqual(text(cells[0]), '"Lua 5.4"')
        _, said = self.run_cells(["1"], kernel="ir", language="R", code=2)
        self.assertIn("-k SPEC", said)
        self.run_cells(["return 1"], "-k", "lua", kernel="ir", language="R")

    def test_parameters_are_a_cell_behind_the_one_of_that_tag(self) -> None:
        options = ("-p", "month=5", "-p", 'towns=["Oslo", null, 1.5]', "-p", "name=it's",
                   "-p", 'flags={"a": true}')
        cells, _ = self.run_cells(["first = 1", ("month = 1", "parameters"),
                                   "month, towns, name, flags"], *options)
        self.assertEqual(cells[2]["metadata"]["tags"], ["injected-parameters"])
        self.assertEqual(text(cells[3]), "(5, ['Oslo', None, 1.5], \"it's\", {'a': True})")
        large, _ = self.run_cells(["n"], "-p", "n=18446744073709551615")
        self.assertEqual(text(large[1]), "1.8446744073709552e+19")
        lua, _ = self.run_cells(["return month, towns[1]"], *options[:4], kernel="lua",
                                language="lua")
        self.assertIn("-- Parameters\n", lua[0]["source"])
        self.assertIn("5", text(lua[1]))

    def test_a_second_run_injects_parameters_in_place_of_the_first(self) -> None:
        path = write([("n = 1", "parameters"), "n"])
        for n in (2, 3):
            self.assertEqual(oast("jupyter", "run", str(path), "-p", f"n={n}").returncode, 0)
            self.assertEqual(len(cells_of(path)), 3)
            self.assertEqual(text(cells_of(path)[2]), str(n))

    def test_a_cell_that_raises_ends_the_run_unless_it_may(self) -> None:
        cells, _ = self.run_cells(["1", "1/0", "2"], code=1)
        self.assertEqual(cells[1]["outputs"][0]["ename"], "ZeroDivisionError")
        self.assertEqual((cells[2]["outputs"], cells[2]["execution_count"]), ([], None))
        cells, _ = self.run_cells(["1", ("1/0", "raises-exception"), "2"])
        self.assertEqual(text(cells[2]), "2")
        cells, _ = self.run_cells(["1/0", "2", ("3", "skip-execution")], "--allow-errors")
        self.assertEqual([text(c) for c in cells], ["", "2", ""])

    def test_a_death_is_explained_in_the_notebook(self) -> None:
        for options in ((), ("--allow-errors",)):
            cells, said = self.run_cells(
                ["print('on')", "import os\nprint('last', flush=True)\nos.kill(os.getpid(), 9)",
                 "3"], *options, code=3)
            self.assertEqual(text(cells[1]), "last\n")
            self.assertIn("SIGKILL", cells[1]["outputs"][-1]["traceback"][0])
            self.assertIn("SIGKILL", said)
            self.assertEqual(cells[2]["outputs"], [])

    def test_a_cell_that_takes_too_long_is_interrupted(self) -> None:
        cells, said = self.run_cells(["print('on', flush=True)\nwhile True: pass", "2"],
                                     "--timeout", "0.5", code=5)
        self.assertEqual(text(cells[0]), "on\n")
        self.assertEqual(cells[0]["outputs"][-1]["ename"], "KeyboardInterrupt")
        self.assertIn("not done after 0.5 s", said)

    def test_input_has_ended(self) -> None:
        cells, _ = self.run_cells(["input()"], code=1)
        self.assertEqual(cells[0]["outputs"][0]["ename"], "EOFError")

    def test_code_runs_where_the_notebook_is_and_another_file_can_be_written(self) -> None:
        out = SCRATCH / "out.ipynb"
        path = write(["import os; os.getcwd()"])
        before = path.read_text()
        ended = subprocess.run([PROGRAMS / "oast", "jupyter", "run", str(path), "--out", out.name],
                               cwd=SCRATCH, stderr=subprocess.PIPE, text=True)
        self.assertEqual(ended.returncode, 0, ended.stderr)
        self.assertEqual(text(cells_of(out)[0]), repr(str(path.parent)))
        self.assertEqual(path.read_text(), before)

    def test_a_run_that_is_interrupted_or_killed_keeps_what_was_done(self) -> None:
        for number, code in ((signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGKILL, -9)):
            with self.subTest(signal=number):
                mark = SCRATCH / f"mark-{number}"
                path = write(["print('done')", f"open({str(mark)!r}, 'w').close()\n"
                              "while True: pass"])
                running = subprocess.Popen([PROGRAMS / "oast", "jupyter", "run", str(path)],
                                           stderr=subprocess.DEVNULL)
                eventually(mark.exists, "the second cell runs")
                running.send_signal(number)
                self.assertEqual(running.wait(GENEROUS), code)
                self.assertEqual(text(cells_of(path)[0]), "done\n")
                self.assertEqual(os.listdir(path.parent), ["n.ipynb"])

    def test_nonsense_is_refused_and_nothing_is_written(self) -> None:
        good = write(["1"])
        before = good.read_text()
        bad = SCRATCH / "bad.ipynb"
        for content, said in (("", "parse error"), ("[]", "no JSON object"), ("{}", "nbformat"),
                              ('{"nbformat": 3}', "nbformat is 3"), ('{"nbformat": 4}', "cells"),
                              ('{"nbformat": 4, "cells": [1]}', "cell 1"),
                              ("[" * 1000, "nest")):
            bad.write_text(content)
            ended = oast("jupyter", "run", str(bad))
            self.assertEqual(ended.returncode, 2, content)
            self.assertIn(said, ended.stderr)
            self.assertEqual(bad.read_text(), content)
        for words in ((), (str(good), "--timeout", "0"), (str(good), "-p", "1x=2"),
                      (str(good), "-p", "x"), (str(good), "-k", "cobol"), (str(good), "--out", ""),
                      (str(good), "more"), ("nothing.ipynb",), (str(good), "--nonsense")):
            self.assertEqual(oast("jupyter", "run", *words).returncode, 2, words)
        ended = oast("jupyter", "run", str(good), "--out", "/nonexistent/n.ipynb")
        self.assertEqual(ended.returncode, 6)
        self.assertEqual(good.read_text(), before)

    def test_help_is_that_of_the_command(self) -> None:
        ended = oast("jupyter", "run", "--help")
        self.assertEqual(ended.returncode, 0)
        self.assertIn("Usage: oast jupyter run [OPTIONS] NOTEBOOK", ended.stdout)


if __name__ == "__main__":
    unittest.main()
