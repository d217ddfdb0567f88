"""A notebook that nbclient runs has the outputs that ipykernel gives it."""

import base64
import hashlib
import re
import unittest
from typing import Any, List

import support
from kit import has

CELLS = [
    "print('a'); print('b', flush=True)",
    "import sys; print('e', file=sys.stderr)",
    "1 + 1",
    "{'a': (1, 2), 'b': [None, 1.5, 'x' * 100], 'c': {3}, 'd': b'bytes'}",
    "list(range(1000))[::7] + ['a' * 30] * 20",
    "x = 5; x;",
    "None",
    "from collections import OrderedDict, namedtuple; OrderedDict(a=1), namedtuple('P', 'x y')(1, 2)",
    "from IPython.display import HTML, Markdown, display, clear_output; display(HTML('<b>h</b>'))",
    "HTML('<i>i</i>')",
    "class R:\n    def _repr_html_(self): return '<u>r</u>'\n    def __repr__(self): return 'R()'\nR()",
    "display({'application/json': {'k': [1]}, 'text/plain': 'p'}, raw=True)",
    "handle = display('one', display_id='same'); handle.update('two')",
    "print('gone'); clear_output(); print('stays')",
    "!echo from the shell",
    "%%writefile /dev/null\nnothing",
    "%who_ls",
    "_i",
    "1/0",
    "def f(): raise ValueError('words')\nf()",
    "x = (",
    "raise KeyboardInterrupt",
    "import asyncio; await asyncio.sleep(0); 'awaited'",
    "get_ipython().set_next_input('next')",
    "for i in range(3): print(i)",
]
if has("matplotlib"):
    CELLS += [
        "%matplotlib inline\nimport matplotlib.pyplot as plt",
        "plt.plot([1, 3, 2]); plt.show()",
        "plt.plot([1, 2]);",
        "plt.title('t').get_text()",
    ]
if has("pandas"):
    CELLS += [
        "import pandas as pd\nframe = pd.DataFrame({'a': [1, 2], 'b': ['x', None]})\nframe",
        "frame.style.set_uuid('t').highlight_max(subset='a')",
        "frame['a']",
        "print(frame)",
    ]
if has("pandas") and has("matplotlib"):
    CELLS += ["frame.plot()"]
if has("ipywidgets"):
    CELLS += [
        "import ipywidgets as w\nslider = w.IntSlider(value=3, description='n')\nslider",
        "w.HBox([slider, w.Text('words')])",
        "slider.value = 5; slider.value",
        "w.interact(lambda x: print('x is', x), x=2);",
    ]
if has("tqdm"):
    CELLS += ["import tqdm\nfor _ in tqdm.tqdm(range(3), ncols=40, bar_format='{l_bar}{bar}|'): pass"]
CELLS += [
    "import logging; logging.warning('beware')",
    "from IPython.display import Image; Image(data=b'\\x89PNG', format='png', width=20)",
    "import warnings; warnings.warn('old')",
]


# What differs from process to process.
CELL_FILE = re.compile(r"^(<ipython-input-\S+>|\S*/ipykernel_\S+\.py):", re.MULTILINE)
ADDRESS = re.compile(r" at 0x[0-9a-f]+")


def run(kernel: str) -> List[Any]:
    import nbclient  # type: ignore[import]
    import nbformat  # type: ignore[import]
    notebook = nbformat.v4.new_notebook()
    notebook.cells = [nbformat.v4.new_code_cell(code) for code in CELLS]
    client = nbclient.NotebookClient(notebook, kernel_name=kernel, allow_errors=True,
                                     timeout=int(support.GENEROUS))
    client.comm_open_handlers.clear()  # they know the messages of later widgets only
    client.execute(cwd=str(support.SCRATCH))
    return [outputs(cell) for cell in notebook.cells]


def outputs(cell: Any) -> List[Any]:
    found: List[Any] = []
    for output in cell.outputs:
        output = dict(output)
        output.pop("execution_count", None)
        if output["output_type"] == "error":
            output["traceback"] = bool(output["traceback"])  # it names files of its kernel
            output["evalue"] = re.sub(r" \(\S+, line \d+\)$", "", output["evalue"])
        if "text" in output:  # a terminal, which ipykernel gives to shell commands, ends lines so
            output["text"] = CELL_FILE.sub("cell:", output["text"].replace("\r\n", "\n"))
        widget = output.get("data", {}).get("application/vnd.jupyter.widget-view+json")
        if "text/plain" in output.get("data", {}):
            output["data"]["text/plain"] = ADDRESS.sub(" at somewhere", output["data"]["text/plain"])
        if widget:
            widget["model_id"] = "random"
        if "image/png" in output.get("data", {}):
            png = base64.b64decode(output["data"]["image/png"])  # whatever its lines are
            digest = hashlib.sha256(png).hexdigest()
            output["data"] = {**output["data"], "image/png": digest}
        # How often the text is cut is up to who sends it.
        if found and output["output_type"] == "stream" and found[-1].get("name") == output["name"]:
            found[-1]["text"] += output["text"]
        else:
            found.append(output)
    return found


@unittest.skipUnless(has("IPython") and has("ipykernel"), "there is no ipykernel")
class NotebookTest(support.TestCase):
    maxDiff = None

    def test_cells_have_the_outputs_that_ipykernel_gives_them(self) -> None:
        for code, expected, ours in zip(CELLS, run("python3"), run("oast-ipython")):
            with self.subTest(code=code):
                self.assertEqual(ours, expected)


if __name__ == "__main__":
    unittest.main()
