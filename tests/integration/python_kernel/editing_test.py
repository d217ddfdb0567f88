"""Completion, inspection, completeness: also while code runs."""

import unittest

from support import KernelTest


class Editing(KernelTest):
    def names(self, code, cursor=None):
        found = self.w.complete(code, cursor)
        return [code[:found.start] + match + code[found.end:] for match in found.matches]

    def test_names_attributes_and_keywords_complete(self):
        self.eval("number_of_things = 5\nimport os")
        self.assertEqual(self.names("x = number_o"), ["x = number_of_things"])
        self.assertIn("os.path.join", self.names("os.path.jo"))
        self.assertIn("lambda", self.names("lamb"))
        self.assertIn("print", self.names("pri"))
        self.assertEqual(self.names("ü = number_o + 1", 12), ["ü = number_of_things + 1"])
        self.assertIn("import email", self.names("import emai"))
        self.assertIn("from os import getcwd", self.names("from os import getcw"))

    def test_properties_are_not_run(self):
        self.eval("class A:\n  @property\n  def p(self): print('ran'); return ''\na = A()")
        self.assertIn("a.p", self.names("a.p"))
        self.assertEqual(self.names("a.p.upp"), [])
        self.assertIsNone(self.w.inspect("a.p"))
        self.assertEqual(self.text, "")

    def test_inspection_gives_signature_documentation_and_source(self):
        self.eval("def f(a, b=2):\n    '''What f does.'''\n    return a")
        text = self.w.inspect("f")
        self.assertIn("f(a, b=2)", text)
        self.assertIn("What f does.", text)
        self.assertNotIn("return a", text)
        self.assertIn("return a", self.w.inspect("x = f", None, 1))
        self.assertIn("f(a, b=2)", self.w.inspect("f(1, "))
        self.assertIn("sep", self.w.inspect("print"))
        self.assertIsNone(self.w.inspect("nothing_of_that_name"))

    def test_completeness_says_what_a_frontend_should_do(self):
        for code, status, indent in (("1 + 1", "complete", ""),
                                     ("for i in x:", "incomplete", "    "),
                                     ("for i in x:\n    f(", "incomplete", "    "),
                                     ("if x:\n    y", "incomplete", "    "),
                                     ("if x:\n    y\n", "complete", ""), ("x = = 1", "invalid", ""),
                                     ("await f()", "complete", ""), ("'''a", "incomplete", ""),
                                     ("(1,\n2)", "complete", "")):
            found = self.w.is_complete(code)
            self.assertEqual((found.status, found.indent), (status, indent), code)

    def test_all_of_it_works_while_code_runs(self):
        self.eval("number_of_things = 5")
        future = self.start_running("while True: pass")
        self.assertEqual(self.names("number_o"), ["number_of_things"])
        self.assertIn("int", self.w.inspect("number_of_things"))
        self.assertEqual(self.w.is_complete("1").status, "complete")
        future.cancel()


if __name__ == "__main__":
    unittest.main()
