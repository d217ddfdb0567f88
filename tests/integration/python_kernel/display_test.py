"""Rich display."""

import unittest

from support import KernelTest, has


class Displays(KernelTest):
    def test_display_shows_all_forms_of_a_value(self):
        self.eval("class A:\n"
                  "  def __repr__(self): return 'A()'\n"
                  "  def _repr_html_(self): return '<b>A</b>'\n"
                  "  def _repr_png_(self): return b'\\x89PNG'\n"
                  "  def _repr_json_(self): return {'a': 1}\n"
                  "  def _repr_latex_(self): return None\n"
                  "  def _repr_svg_(self): raise NotImplementedError\n"
                  "print('before'); display(A()); print('after')")
        self.assertEqual(self.displays, [{"text/plain": "A()", "text/html": "<b>A</b>",
                                          "image/png": b"\x89PNG",
                                          "application/json": '{"a": 1}'}])
        self.assertEqual([o.stream for o in self.outputs], ["stdout", "display", "stdout"])

    def test_a_mime_bundle_may_be_raw_or_of_an_object(self):
        self.eval("display({'text/markdown': '*x*'}, raw=True)")
        self.eval("class B:\n  def _repr_mimebundle_(self, include=None, exclude=None):\n"
                  "    return {'text/x': 'y', 'image/png': 'iVBORw0='}, {}\ndisplay(B())")
        self.assertEqual(self.displays[0], {"text/markdown": "*x*"})
        self.assertEqual((self.displays[1]["text/x"], self.displays[1]["image/png"]),
                         ("y", b"\x89PNG\r"))

    def test_a_last_expression_with_rich_forms_is_displayed_and_others_are_not(self):
        code = "class A:\n  def _repr_html_(self): return '<i>'\n  lock = open('/dev/null').fileno"
        self.eval(code)
        self.assertEqual(self.eval("1"), 1)
        self.assertEqual(self.displays, [])
        self.w.remote_eval_wait("A()")
        self.assertEqual(self.displays[0]["text/html"], "<i>")

    def test_one_that_cannot_be_sent_is_nil(self):
        self.eval("import threading\nclass A:\n  def __init__(self): self.l = threading.Lock()\n"
                  "  def _repr_html_(self): return '<i>'")
        self.assertIsNone(self.eval("A()"))
        self.assertEqual(len(self.displays), 1)

    def test_a_form_that_fails_is_left_out(self):
        self.eval("class A:\n  def _repr_html_(self): 1/0\ndisplay(A())")
        self.assertEqual(list(self.displays[0]), ["text/plain"])
        self.assertIn("ZeroDivisionError", self.text)

    def test_what_was_shown_can_be_replaced_and_taken_away(self):
        self.eval("handle = display(1, display_id=True)\nhandle.update(2)\n"
                  "from oast_kernel import clear_output\nclear_output(wait=True)")
        shown, update, clear = self.outputs
        self.assertEqual((shown.data["text/plain"], shown.update), ("1", False))
        self.assertEqual((update.data["text/plain"], update.update), ("2", True))
        self.assertEqual(shown.display_id, update.display_id)
        self.assertNotEqual(shown.display_id, "")
        self.assertEqual((clear.stream, clear.wait), ("clear", True))
        self.assertIn("display_id", self.failure("display(1, update=True)").message)

    @unittest.skipUnless(has("matplotlib"), "matplotlib is not installed")
    def test_figures_are_displayed_at_show_and_at_the_end(self):
        self.eval("import sys\nassert 'matplotlib' not in sys.modules\n"
                  "import matplotlib.pyplot as plt\n"
                  "plt.plot([1, 2]); plt.show(); print('between'); plt.plot([3]); None")
        self.assertEqual([o.stream for o in self.outputs], ["display", "stdout", "display"])
        for shown in self.displays:
            self.assertTrue(shown["image/png"].startswith(b"\x89PNG"))
            self.assertIn("Figure", shown["text/plain"])
        self.assertEqual(self.eval("plt.get_fignums()"), [])


if __name__ == "__main__":
    unittest.main()
