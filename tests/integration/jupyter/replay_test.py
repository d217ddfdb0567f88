"""oast jupyter list and replay: what runs, and what its cells have shown."""

import json
import os
import signal
import unittest
from typing import Any, Dict, List

import nbformat  # type: ignore[import]

from support import SCRATCH, Frontend, TestCase, eventually, frontend, oast


def replay(kernel: Frontend, *options: str) -> str:
    told = oast("jupyter", "replay", kernel.manager.connection_file, *options)
    assert (told.returncode, told.stderr) == (0, ""), told
    return told.stdout


def listed(kernel: Frontend) -> List[Dict[str, Any]]:
    told = oast("jupyter", "list", "--json")
    assert told.returncode == 0, told
    bridges = [json.loads(line) for line in told.stdout.splitlines()]
    return [bridge for bridge in bridges if bridge["pid"] == kernel.pid]


def tearDownModule() -> None:
    """Bridges that were killed have left their brokers' sockets: the next broker removes them."""
    assert oast("eval", "return 1").returncode == 0


class Replay(TestCase):
    def test_cells_are_told_again_with_all_that_they_have_shown(self) -> None:
        with frontend("lua") as kernel:
            kernel.run("print('one')")
            kernel.run("return 6 * 7")
            kernel.run("error('boom')")
            kernel.run("print('unseen')", store_history=False)
            self.assertEqual(replay(kernel, "--cell", "1"), "In [1]: print('one')\none\n\n")
            self.assertEqual(replay(kernel, "--cell", "2"), "In [2]: return 6 * 7\n42\n\n")
            whole = replay(kernel)
            self.assertIn("boom", whole)
            self.assertNotIn("unseen", whole)
            self.assertEqual(whole.count("In ["), 3)

    def test_a_notebook_is_written(self) -> None:
        path = SCRATCH / "told.ipynb"
        with frontend("ipython") as kernel:
            kernel.run("from IPython.display import HTML\ndisplay(HTML('<b>x</b>'))\nprint('after')")
            kernel.run("1/0")
            self.assertNotIn("\x1b", replay(kernel))
            replay(kernel, "--out", str(path))
        notebook = nbformat.read(path, 4)
        nbformat.validate(notebook)
        first, second = notebook.cells
        self.assertEqual((first.execution_count, second.execution_count), (1, 2))
        self.assertEqual(first.outputs[0]["data"]["text/html"], "<b>x</b>")
        self.assertEqual(first.outputs[1]["text"], "after\n")
        self.assertEqual(second.outputs[0]["ename"], "ZeroDivisionError")
        self.assertEqual(notebook.metadata.kernelspec.name, "oast-ipython")

    def test_a_cell_that_runs_is_told_so_far(self) -> None:
        with frontend("python") as kernel:
            kernel.client.execute("print('so far', flush=True)\nimport time\ntime.sleep(3600)")
            eventually(lambda: "so far\n" in replay(kernel), "the running cell's output")
            kernel.interrupt()

    def test_what_is_gone_from_the_log_is_said(self) -> None:
        with frontend("lua") as kernel:
            kernel.run("for i = 1, 30 do print(('x'):rep(1000000)) end")
            kernel.run("print('last')")
            self.assertRegex(replay(kernel), r"\[oast: \d+ records, \d+ bytes, are gone from the log\]")
            self.assertEqual(replay(kernel, "--cell", "2"), "In [2]: print('last')\nlast\n\n")

    def test_nonsense_is_refused_with_what_would_be_right(self) -> None:
        with frontend("lua") as kernel:
            kernel.run("print('one')")
            told = oast("jupyter", "replay", kernel.manager.connection_file, "--cell", "7")
            self.assertEqual((told.returncode, told.stdout), (2, ""))
            self.assertIn("no cell has the number 7; there are 1 to 1", told.stderr)
        told = oast("jupyter", "replay", str(SCRATCH / "none.json"))
        self.assertEqual(told.returncode, 2)
        self.assertIn("cannot be read", told.stderr)
        self.assertEqual(oast("jupyter", "replay").returncode, 2)
        self.assertEqual(oast("jupyter", "list", "--bogus").returncode, 2)


class List_(TestCase):
    def test_a_bridge_is_listed_as_long_as_it_runs(self) -> None:
        with frontend("lua") as kernel:
            (bridge,) = listed(kernel)
            self.assertEqual((bridge["spec"], bridge["broker"]), ("lua", ""))
            self.assertEqual(bridge["folder"], os.getcwd())
            self.assertEqual(bridge["connection_file"], kernel.manager.connection_file)
            table = oast("jupyter", "list").stdout
            self.assertIn(kernel.manager.connection_file, table)
        self.assertEqual(listed(kernel), [])

    def test_one_that_was_killed_is_not(self) -> None:
        with frontend("lua") as kernel:
            os.kill(kernel.pid, signal.SIGKILL)
            eventually(lambda: not listed(kernel), "it is gone")


if __name__ == "__main__":
    unittest.main()
