"""Jupyter's own conformance tests, for each engine."""

import unittest

import support  # noqa: F401  # first: it makes the kernelspecs
from kit import has

import jupyter_kernel_test  # type: ignore[import]


class LuaTest(jupyter_kernel_test.KernelTests):  # type: ignore[misc]
    kernel_name = "oast-lua"
    language_name = "lua"
    file_extension = ".lua"
    code_hello_world = "print('hello, world')"
    code_stderr = "io.stderr:write('oops')"
    completion_samples = [{"text": "string.for", "matches": {"format"}}]
    complete_code_samples = ["x = 1", "print('a')"]
    incomplete_code_samples = ["function f()", "for i = 1, 2 do"]
    invalid_code_samples = ["x = = 1"]
    code_generate_error = "error('boom')"
    code_execute_result = [{"code": "1 + 1", "result": "2"},
                           {"code": "'a' .. 'b'", "result": "\"ab\""}]
    code_history_pattern = "1?+*"
    supported_history_operations = ("tail", "range", "search")
    code_inspect_sample = "string.format"


class PythonTest(jupyter_kernel_test.KernelTests):  # type: ignore[misc]
    kernel_name = "oast-python"
    language_name = "python"
    file_extension = ".py"
    code_hello_world = "print('hello, world')"
    code_stderr = "import sys; print('oops', file=sys.stderr)"
    completion_samples = [{"text": "zi", "matches": {"zip"}}]
    complete_code_samples = ["1", "print('a')", "def f(x):\n  return x\n\n\n"]
    incomplete_code_samples = ["def f(x):", "print('''"]
    invalid_code_samples = ["import = 7"]
    code_generate_error = "raise ValueError('boom')"
    code_execute_result = [{"code": "1 + 1", "result": "2"},
                           {"code": "{'a': (1, 2)}", "result": "{'a': (1, 2)}"}]
    code_display_data = [
        {"code": "display({'text/html': '<b>x</b>'}, raw=True)", "mime": "text/html"}]
    code_history_pattern = "1?+*"
    supported_history_operations = ("tail", "range", "search")
    code_inspect_sample = "zip"
    code_clear_output = "from oast_kernel import clear_output; clear_output()"


@unittest.skipUnless(has("IPython"), "IPython is not installed")
class IPythonTest(PythonTest):
    kernel_name = "oast-ipython"
    code_display_data = [
        {"code": "from IPython.display import HTML, display; display(HTML('<b>x</b>'))",
         "mime": "text/html"},
        {"code": "from IPython.display import Math, display; display(Math('x'))",
         "mime": "text/latex"}]
    code_clear_output = "from IPython.display import clear_output; clear_output()"
    code_page_something = "zip?"


if __name__ == "__main__":
    unittest.main()
