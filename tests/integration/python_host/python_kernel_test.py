"""What only workers that run Python can do."""

import datetime
import gc
import math
import tempfile
import unittest
from pathlib import PurePosixPath

import oast
from support import GENEROUS, PythonTest, eventually, exists, needs_cloudpickle

try:
    import numpy
except ImportError:
    numpy = None


class Trusting(PythonTest):
    def test_functions_by_reference(self):
        w = self.start()
        self.assertEqual(w.remote_call_fetch(math.hypot, 3, 4), 5.0)
        self.assertEqual(w.remote_call_fetch(len, [1, 2]), 2)
        self.assertEqual(w.remote_call_fetch("math.factorial", 5), 120)
        self.assertEqual(w.remote_call_fetch(int, "ff", base=16), 255)
        self.assertEqual(w.remote_call(sorted, [1, 3, 2], reverse=True).result(GENEROUS), [3, 2, 1])

    @needs_cloudpickle
    def test_functions_by_pickle_need_trust(self):
        seven = 7
        with self.assertRaises(TypeError) as caught:
            self.start().remote_call(lambda: seven)
        self.assertIn("trust=True", str(caught.exception))
        w = self.start(trust=True)
        self.assertEqual(w.remote_call_fetch(lambda x, y=1: x + y + seven, 2, y=3), 12)

        def local(*args):
            return sum(args)

        self.assertEqual(w.remote_call(local, 1, 2, 3).result(GENEROUS), 6)

    def test_any_value_crosses_with_trust(self):
        w = self.start(trust=True)
        for value in (2**100, {1, 2}, 1j, datetime.date(2020, 1, 2), PurePosixPath("a"), range(3)):
            self.assertEqual(w.remote_call_fetch("copy.copy", value), value)

    @unittest.skipIf(numpy is None, "numpy is not installed")
    def test_arrays_in_files_are_tensors_both_ways(self):
        for trust in False, True:
            w = self.start(trust=trust)
            w.remote_eval_wait("import numpy, tempfile")
            with tempfile.TemporaryFile() as file:
                mapped = numpy.memmap(file, "int32", "w+", shape=(2, 3))
                mapped[:] = 7
                got = w.remote_call_fetch(
                    oast.Source("lambda a: [type(a).__name__, a.shape, int(a.sum())]"), mapped
                )
            self.assertEqual(got, ["ndarray", [2, 3], 42])
            back = w.remote_eval_fetch(
                "numpy.memmap(tempfile.TemporaryFile(), 'int32', 'w+', shape=(2, 3))"
            )
            self.assertEqual((type(back), back.shape), (numpy.ndarray, (2, 3)))

    def test_a_pickle_is_not_read_without_trust(self):
        w = self.start()
        with self.assertRaises(oast.NativeValueError) as caught:
            w.remote_eval_fetch("{1, 2}")
        self.assertIn("trust=True", str(caught.exception))
        self.assertIn("more than 64 bits", str(caught.exception))
        self.assertEqual(caught.exception.kind, "permission_denied")
        self.assertIsInstance(
            w.remote_eval("[2**100]").exception(GENEROUS), oast.NativeValueError
        )
        self.assertIsNone(w.remote_eval_wait("{1, 2}"))

    @needs_cloudpickle
    def test_what_main_defines_crosses_by_value(self):
        w = self.start(trust=True)
        got = w.remote_eval_fetch("class Here:\n    x = 5\nHere()")
        self.assertEqual(got.x, 5)

    @unittest.skipIf(numpy is None, "numpy is not installed")
    def test_arrays_inside_pickles_are_not_copied(self):
        w = self.start(trust=True)
        got = w.remote_eval_fetch("import numpy\n{1: {2}, 'a': numpy.arange(100000.0)}")
        self.assertEqual(got[1], {2})
        self.assertEqual(float(got["a"].sum()), sum(range(100_000)))
        back = w.remote_call_fetch("builtins.dict", [(1, numpy.arange(100_000)), (2, {3})])
        self.assertEqual(int(back[1].sum()), sum(range(100_000)))
        kept = w.remote_eval_fetch("{'s': {1}, 'a': numpy.arange(10000)}")["a"]
        del got, back
        gc.collect()
        self.assertEqual(int(kept[-1]), 9999)

    def test_errors_have_type_and_traceback(self):
        w = self.start()
        with self.assertRaises(oast.RemoteException) as caught:
            w.remote_eval_fetch("def f():\n    1 / 0\nf()", source_name="cell")
        error = caught.exception
        self.assertEqual(error.type, "ZeroDivisionError")
        self.assertIn("line 2, in f", error.traceback)
        self.assertIn("ZeroDivisionError", str(error))


class KernelsAsHosts(PythonTest):
    def test_a_kernel_starts_kernels_on_the_same_broker(self):
        w = self.start(name="outer")
        code = """
import oast
inner = oast.Worker("lua", name="inner")
inner.remote_eval_fetch("return 6 * 7")
"""
        self.assertEqual(w.remote_eval_fetch(code), 42)
        inner = self.broker.find("inner")
        self.assertEqual(inner.spec, "lua")
        self.assertTrue(exists(inner.pid))
        w.close()
        eventually(lambda: not exists(inner.pid), "the inner kernel ended with the outer one")


if __name__ == "__main__":
    unittest.main()
