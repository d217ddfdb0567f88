"""Output and input of workers."""

import contextlib
import io
import unittest

import oast
from support import GENEROUS, LuaTest, run_python


class Printing(unittest.TestCase):
    def printed(self, code, **options):
        """What appears on sys.stdout and sys.stderr."""
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            with oast.Worker("lua", name="printer", **options) as w:
                w.remote_eval_fetch(code)
        return out.getvalue(), err.getvalue()

    def test_lines_are_marked_with_the_worker(self):
        out, err = self.printed("io.write('a') io.write('b\\nc\\n') io.stderr:write('d\\n')")
        self.assertEqual(out, "From worker printer: ab\nFrom worker printer: c\n")
        self.assertEqual(err, "From worker printer: d\n")

    def test_the_rest_of_a_line_comes_with_the_end_of_its_request(self):
        self.assertEqual(self.printed("io.write('no newline')")[0],
                         "From worker printer: no newline\n")

    def test_it_can_be_turned_off(self):
        code = "print('a') io.stderr:write('b\\n')"
        self.assertEqual(self.printed(code, monitor_stdout=False), ("", "From worker printer: b\n"))
        self.assertEqual(self.printed(code, monitor_stderr=False), ("From worker printer: a\n", ""))

    def test_output_is_there_when_fetch_returns(self):
        out = io.StringIO()
        with contextlib.redirect_stdout(out), oast.Worker("lua", name="p") as w:
            for i in range(200):
                w.remote_eval_fetch(f"print({i})")
                self.assertTrue(out.getvalue().endswith(f"From worker p: {i}\n"))

    def test_output_of_the_last_moment_is_not_lost(self):
        ran = run_python("""
import oast
w = oast.Worker("lua", name="p")
f = w.remote_eval("for i = 1, 1000 do print(i) end")
f.result()
""")
        lines = "".join(f"From worker p: {i}\n" for i in range(1, 1001))
        self.assertEqual((ran.stdout, ran.stderr), (lines, ""))

    def test_a_stdout_that_takes_no_more_stops_no_other_worker(self):
        ran = run_python("""
import os, sys
import oast
reader, writer = os.pipe()
sys.stdout = open(writer, "w")
with oast.Worker("lua") as a, oast.Worker("lua") as b:
    endless = a.remote_eval("while true do print(('x'):rep(1000)) end")
    for i in range(20):
        b.remote_eval_fetch(f"return {i}", timeout=10)
    a.kill()
print("answered", file=sys.stderr, flush=True)
os._exit(0)
""")
        self.assertEqual((ran.returncode, ran.stderr), (0, "answered\n"))


class Callbacks(LuaTest):
    def test_on_output_takes_it_in_order(self):
        self.w.remote_eval_fetch("for i = 1, 100 do print(i) end")
        self.assertEqual(self.text, "".join(f"{i}\n" for i in range(1, 101)))
        self.w.remote_eval("io.stderr:write('e\\n')").result(GENEROUS)
        self.assertEqual(self.outputs[-1].stream, "stderr")

    def test_a_request_can_have_its_own(self):
        seen = []
        self.w.remote_eval("print('mine')", on_output=seen.append).result(GENEROUS)
        self.assertEqual([o.text for o in seen], ["mine\n"])
        self.assertEqual(self.text, "")

    def test_input_is_answered(self):
        asked = []

        def answer(prompt, password):
            asked.append((prompt, password))
            return "a line ä"

        w = oast.Worker("lua", on_input=answer)
        self.addCleanup(w.close)
        self.assertEqual(w.remote_eval_fetch("return io.read()"), "a line ä")
        self.assertEqual(len(asked), 1)
        got = w.remote_eval_fetch("return io.read()", on_input=lambda *_: "other")
        self.assertEqual(got, "other")
        self.assertIsNone(w.remote_eval_fetch("return io.read()", on_input=lambda *_: None))
        self.assertIsNone(self.w.remote_eval_fetch("return io.read()"))

    def test_a_flood_is_complete(self):
        self.w.remote_eval_fetch("for i = 1, 20000 do print(i) end")
        self.assertEqual(self.text.count("\n"), 20000)


if __name__ == "__main__":
    unittest.main()
