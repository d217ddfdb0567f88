"""Notebook 6 in a headless Chromium, as a person uses it. With OAST_SCREENSHOTS=DIRECTORY pictures of it
go there."""

import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import unittest
import urllib.request
from typing import Any, List

from kit import GENEROUS, eventually, has
from support import SCRATCH, TestCase

# The server and the browser's driver are on this machine, whatever proxy there is to others.
os.environ["no_proxy"] = os.environ["NO_PROXY"] = "127.0.0.1,localhost"

CONNECTED = ("return window.Jupyter && Jupyter.notebook && Jupyter.notebook.kernel "
             "&& Jupyter.notebook.kernel.is_connected()")


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


class Server:
    """A Notebook server of its own, which knows oast's kernelspecs."""

    def __init__(self) -> None:
        self.work = SCRATCH / "notebooks"
        self.work.mkdir()
        self.port = free_port()
        self.process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", "notebook", "--allow-root", "--no-browser",
             "--ip=127.0.0.1", f"--port={self.port}", "--NotebookApp.token=",
             "--NotebookApp.password=", f"--notebook-dir={self.work}"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            env={**os.environ, "JUPYTER_CONFIG_PATH": str(SCRATCH / "etc" / "jupyter")})
        eventually(self.answers, "the server answers")

    def answers(self) -> bool:
        assert self.process.poll() is None, "the server has ended"
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/api", timeout=GENEROUS):
                return True
        except OSError:
            return False

    def write(self, name: str, kernel: str, cells: List[str]) -> None:
        code = [{"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": [],
                 "source": cell} for cell in cells]
        (self.work / name).write_text(json.dumps({
            "cells": code, "nbformat": 4, "nbformat_minor": 4,
            "metadata": {"kernelspec": {"name": kernel, "display_name": kernel,
                                        "language": "python"}}}))

    def close(self) -> None:
        self.process.terminate()
        self.process.wait(GENEROUS)


class Page:
    """A notebook in the browser."""

    def __init__(self, server: Server, name: str) -> None:
        from selenium import webdriver  # type: ignore[import]
        from selenium.webdriver.chrome.service import Service  # type: ignore[import]
        options = webdriver.ChromeOptions()
        profile = SCRATCH / ("chromium-" + name)
        for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage",
                         "--disable-gpu", "--window-size=1000,1000", f"--user-data-dir={profile}"):
            options.add_argument(argument)
        options.binary_location = shutil.which("chromium")
        self.driver = webdriver.Chrome(service=Service(shutil.which("chromedriver")),
                                       options=options)
        self.driver.set_script_timeout(GENEROUS)
        self.driver.get(f"http://127.0.0.1:{server.port}/notebooks/{name}")
        self.until_connected()

    def close(self) -> None:
        self.driver.quit()

    def js(self, script: str, *arguments: Any) -> Any:
        return self.driver.execute_script(script, *arguments)

    def until_connected(self) -> None:
        eventually(lambda: self.js(CONNECTED), "the kernel is connected")

    def reload(self) -> None:
        self.js("window.onbeforeunload = null; Jupyter.notebook.save_notebook()")
        eventually(lambda: not self.js("return Jupyter.notebook.dirty"), "the notebook is saved")
        self.driver.refresh()
        self.until_connected()

    def run(self, cell: int) -> None:
        self.js("Jupyter.notebook.select(arguments[0]); Jupyter.notebook.execute_cell()", cell)

    def output(self, cell: int) -> str:
        return str(self.js("return Jupyter.notebook.get_cell(arguments[0])"
                           ".output_area.element.text()", cell))

    def until_shows(self, cell: int, text: str) -> None:
        eventually(lambda: text in self.output(cell), f"cell {cell} shows {text!r}: "
                   + self.output(cell))

    def prompt(self, cell: int) -> Any:
        return self.js("return Jupyter.notebook.get_cell(arguments[0]).input_prompt_number", cell)

    def find(self, selector: str) -> List[Any]:
        return list(self.driver.find_elements("css selector", selector))

    def edit(self, cell: int, code: str) -> Any:
        """The cursor is behind the code."""
        self.js("const cell = Jupyter.notebook.get_cell(arguments[0]); cell.set_text(arguments[1]);"
                "Jupyter.notebook.select(arguments[0]); Jupyter.notebook.edit_mode();"
                "cell.code_mirror.focus(); cell.code_mirror.setCursor(0, 99)", cell, code)
        return self.driver.switch_to.active_element

    def picture(self, name: str) -> None:
        if "OAST_SCREENSHOTS" in os.environ:
            folder = pathlib.Path(os.environ["OAST_SCREENSHOTS"])
            self.driver.save_screenshot(str(folder / (name + ".png")))


class BrowserTest(TestCase):
    server: Server

    @classmethod
    def setUpClass(cls) -> None:
        wanted = [program for program in ("chromium", "chromedriver") if not shutil.which(program)]
        wanted += [module for module in ("notebook", "selenium") if not has(module)]
        if wanted:
            raise unittest.SkipTest("these are missing: " + " ".join(wanted))
        cls.server = Server()

    @classmethod
    def tearDownClass(cls) -> None:
        cls.server.close()

    def open(self, name: str, kernel: str, cells: List[str]) -> Page:
        self.server.write(name, kernel, cells)
        page = Page(self.server, name)
        self.addCleanup(page.close)
        return page

    def test_cells_show_values_figures_and_widgets_and_ask_for_input(self) -> None:
        page = self.open("cells.ipynb", "oast-ipython", [
            "import os; print('hello'); 6 * 7",
            "name = input('name? ')\nprint('hi', name)",
            "%matplotlib inline\nimport matplotlib.pyplot as plt\n"
            "plt.figure(figsize=(4, 2)); plt.plot([1, 3, 2]);",
            "import pandas as pd; pd.DataFrame({'a': [1, 2], 'b': ['x', None]})",
            "",
        ])
        page.run(0)
        page.until_shows(0, "42")
        self.assertIn("hello", page.output(0))
        page.run(1)
        eventually(lambda: page.find("input.raw_input"), "input is asked for")
        page.find("input.raw_input")[0].send_keys("ada\n")
        page.until_shows(1, "hi ada")
        page.run(2)
        eventually(lambda: page.find(".output_png img"), "there is a figure")
        page.run(3)
        eventually(lambda: page.find("table.dataframe"), "there is a table")
        page.picture("cells")
        page.edit(4, "os.getpi").send_keys("\t")
        eventually(lambda: page.js("return Jupyter.notebook.get_cell(4).get_text()") == "os.getpid",
                   "Tab completes")
        from selenium.webdriver.common.keys import Keys  # type: ignore[import]
        page.edit(4, "len(").send_keys(Keys.SHIFT, "\t")
        eventually(lambda: "number of items" in page.js("return $('#tooltip').text()"),
                   "Shift-Tab tells what len is")

    def test_a_loop_is_interrupted_and_a_death_is_explained_under_its_cell(self) -> None:
        for kernel, loop, message, death in (
                ("oast-ipython", "print('on')\nwhile True: pass", "KeyboardInterrupt",
                 "import os, sys\nprint('last words', file=sys.stderr)\nos.kill(os.getpid(), 9)"),
                ("oast-lua", "print('on')\nwhile true do end", "interrupted",
                 "io.stderr:write('last words\\n') os.execute('kill -9 $PPID')")):
            with self.subTest(kernel=kernel):
                page = self.open(kernel + ".ipynb", kernel, [loop, death, "print('new')"])
                page.run(0)
                page.until_shows(0, "on")
                page.js("Jupyter.notebook.kernel.interrupt()")
                page.until_shows(0, message)
                self.assertNotIn("oast_kernel", page.output(0))
                page.run(1)
                page.until_shows(1, "it was killed by SIGKILL")
                self.assertIn("last words", page.output(1))
                eventually(lambda: page.find(".modal-footer button"), "the frontend tells it")
                page.picture("death-" + kernel)
                page.js("$('.modal-footer button').click()")
                eventually(lambda: page.js(CONNECTED), "there is a new kernel")
                page.run(2)
                page.until_shows(2, "new")
                eventually(lambda: page.prompt(2) == 1, "the new kernel counts from 1")

    def test_a_page_that_is_loaded_again_in_the_middle_of_a_cell_has_every_line_once(self) -> None:
        go = SCRATCH / "go"
        page = self.open("reload.ipynb", "oast-ipython", [
            "import os, time\nfor i in range(1000):\n    print('line', i)\n"
            f"    while i == 500 and not os.path.exists({str(go)!r}): time.sleep(0.01)",
            "print('the next')",
        ])
        page.run(0)
        page.until_shows(0, "line 500")
        for _ in range(2):
            page.reload()
            # The page has saved lines at once; that the cell runs comes with what is replayed.
            eventually(lambda: page.prompt(0) == "*", "the cell runs")
            page.until_shows(0, "line 500")
        go.touch()
        page.until_shows(0, "line 999")
        lines = re.findall(r"line (\d+)", page.output(0))
        self.assertEqual(lines, [str(i) for i in range(1000)])
        eventually(lambda: page.prompt(0) == 1, "the cell has its number")
        page.run(1)
        page.until_shows(1, "the next")
        page.picture("reload")


if __name__ == "__main__":
    unittest.main()
