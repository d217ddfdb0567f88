"""Kernels with --ipython."""

import unittest

from support import KernelTest, has


@unittest.skipUnless(has("IPython"), "IPython is not installed")
class IPython(KernelTest):
    spec = "ipython"

    def test_values_and_names_are_as_in_the_plain_kernel(self):
        self.assertEqual(self.eval("x = 20\nx + 1"), 21)
        self.assertEqual(self.eval("_ + x"), 41)
        self.assertEqual(self.w.remote_call_fetch("math.hypot", 3, 4), 5.0)
        self.assertEqual(self.text, "")

    def test_magics_and_commands_work(self):
        self.eval("%alias_magic t time\n!echo from the shell\n%cd /")
        self.assertIn("from the shell\n", self.text)
        self.assertEqual(self.eval("import os; os.getcwd()"), "/")
        self.assertEqual(self.eval("lines = !echo a; echo b\nlist(lines)"), ["a", "b"])

    def test_errors_have_ipythons_traceback(self):
        failure = self.failure("def f():\n    return 1 / 0\nf()")
        self.assertEqual((failure.kind, failure.type, failure.message),
                         ("remote_exception", "ZeroDivisionError", "division by zero"))
        text = "\n".join(failure.traceback)
        self.assertIn("----> 2     return 1 / 0", text)
        self.assertNotIn("\x1b", text)
        self.assertEqual(self.text, "")
        self.assertEqual(self.failure("x = = 1").type, "SyntaxError")
        self.assertEqual(self.failure("import sys; sys.exit(3)").message, "3")

    def test_an_interrupt_works(self):
        for code in ("while True: pass", "import asyncio; await asyncio.sleep(60)"):
            future = self.start_running(code)
            self.assertEqual(self.w.interrupt(), "interrupted")
            self.assertEqual(future.exception(20).kind, "interrupted")

    def test_await_and_display_work(self):
        self.assertEqual(self.eval("import asyncio\nawait asyncio.sleep(0, 5)"), 5)
        self.eval("from IPython.display import display, HTML\ndisplay(HTML('<b>'))")
        self.assertEqual(self.displays[0]["text/html"], "<b>")

    def test_its_completer_knows_magics(self):
        self.eval("number_of_things = 1")
        self.assertIn("%timeit", self.w.complete("%timei").matches)
        self.assertEqual(self.w.complete("x = number_o").matches, ["number_of_things"])
        self.assertEqual(self.w.is_complete("for i in x:").indent, "    ")


if __name__ == "__main__":
    unittest.main()
