"""Code as a module's body: values, errors, and how a process ends."""

import mmap
import struct
import sys
import time
import unittest

import oast
from support import ENGINE, KernelTest, eventually, has


class Evaluating(KernelTest):
    def test_the_last_expression_is_the_value_and_the_namespace_stays(self):
        self.assertEqual(self.eval("x = 20\nx + 1"), 21)
        self.assertIsNone(self.eval("x += 1"))
        self.assertEqual(self.eval("(x, __name__)"), [21, "__main__"])

    def test_plain_values_come_back_as_they_were(self):
        for value in (None, True, 0, -2**63, 2**63 - 1, 1.5, "hé\0llo", b"\0\xff", [], [1, [2.5]],
                      {}, {"a": None, 2: [True], None: "x"}, list(range(1000)), ["", "ü"] * 500,
                      {str(i): i for i in range(1000)}, [float(i) for i in range(1000)]):
            self.assertEqual(self.eval(repr(value)), value)
            self.assertEqual(self.w.remote_call_fetch("copy.copy", value), value)

    def test_long_lists_of_numbers_keep_their_types(self):
        for number in (True, -(2**63), 0.5, -0.0):
            for size in (8, 15, 16, 1000, 100_000):
                got = self.w.remote_call_fetch("copy.copy", [number] * size)
                self.assertEqual(got, [number] * size)
                self.assertEqual(set(map(type, got)), {type(number)})

    def test_keys_that_are_tuples_go_both_ways(self):
        value = {(1, 2): "a", ("x", (3, (None,))): {(): 4}, "plain": 5}
        self.assertEqual(self.eval(repr(value)), value)
        self.assertEqual(self.w.remote_call_fetch("copy.copy", value), value)
        self.assertEqual(self.w.remote_call_fetch("repr", value), repr(value))

    def test_subclasses_of_plain_types_are_plain(self):
        self.assertEqual(self.eval("import collections, enum\n"
                                   "C = enum.IntEnum('C', 'A B')\n"
                                   "P = collections.namedtuple('P', 'x y')\n"
                                   "[C.B, P(1, 2), collections.OrderedDict(a=1)]"),
                         [2, [1, 2], {"a": 1}])

    def test_a_long_list_takes_well_under_100_ms(self):
        self.eval("import time\nnumbers = list(range(100000))")

        def worked():
            """Seconds of processor time here and there: other programs do not count."""
            return time.process_time() + self.eval("time.process_time()")

        took = []
        for _ in range(5):
            start = worked()
            self.assertEqual(len(self.eval("numbers")), 100000)
            took.append(worked() - start)
        self.assertLess(min(took), 0.1 * 4)  # the host's half of it, and slow machines

    def test_a_traceback_shows_the_users_lines_and_nothing_of_the_kernel(self):
        failure = self.failure("def f(x):\n    return 1 / x\n\nf(0)\n", source_name="cell 1")
        self.assertEqual((failure.kind, failure.type, failure.message),
                         ("remote_exception", "ZeroDivisionError", "division by zero"))
        text = "\n".join(failure.traceback)
        self.assertIn('File "cell 1", line 4, in <module>\n    f(0)', text)
        self.assertIn('File "cell 1", line 2, in f\n    return 1 / x', text)
        self.assertTrue(text.endswith("ZeroDivisionError: division by zero"))
        self.assertNotIn("oast_kernel", text)

    def test_a_traceback_shows_lines_of_earlier_code_of_the_same_name(self):
        self.eval("def f():\n    raise ValueError('old')")
        failure = self.failure("x = 1\n\nf()")
        self.assertIn("    raise ValueError('old')", failure.traceback)

    def test_sources_are_kept_up_to_16_mib(self):
        self.eval("def old(): return 1 / 0")
        for n in range(20):
            self.eval(f"#{'x' * 2_000_000}\ndef new(): return {n} / 0")
        kept = self.eval("import linecache\n[entry[0] for name, entry in linecache.cache.items() "
                         "if name.startswith('<eval')]")
        self.assertLess(sum(kept), 16 << 20)
        self.assertGreater(sum(kept), 2_000_000)
        self.assertIn("19 / 0", "\n".join(self.failure("new()").traceback))
        failure = self.failure("old()")  # its lines are gone, and all else is there
        self.assertEqual(failure.type, "ZeroDivisionError")
        self.assertIn("in old", "\n".join(failure.traceback))
        huge = self.failure(f"#{'x' * 20_000_000}\n7 / 0")  # the newest is kept whatever its size
        self.assertIn("7 / 0", "\n".join(huge.traceback))

    def test_a_chain_of_errors_is_shown(self):
        text = "\n".join(self.failure("try:\n  1/0\nexcept Exception as e:\n"
                                      "  raise KeyError('k') from e").traceback)
        self.assertIn("ZeroDivisionError", text)
        self.assertIn("direct cause", text)
        self.assertNotIn("oast_kernel", text)

    def test_a_syntax_error_points_at_the_place(self):
        failure = self.failure("a = 1\nb = = 2", source_name="mine")
        self.assertEqual((failure.type, failure.message), ("SyntaxError", "invalid syntax"))
        text = "\n".join(failure.traceback)
        self.assertIn('File "mine", line 2', text)
        self.assertRegex(text, r"b = = 2\n +\^")
        self.assertNotIn("oast_kernel", text)

    def test_sys_exit_fails_the_request_and_the_kernel_stays(self):
        failure = self.failure("import sys; sys.exit(3)")
        self.assertEqual((failure.kind, failure.type, failure.message),
                         ("remote_exception", "SystemExit", "3"))
        self.assertEqual(self.failure("sys.exit()").message, "0")
        self.assertEqual(self.eval("1 + 1"), 2)

    def test_os_exit_is_a_death_and_what_was_printed_gets_out(self):
        failure = self.failure("import os; print('last words'); os._exit(3)")
        self.assertEqual((failure.kind, failure.death.exit_code), ("kernel_died", 3))
        self.assertIn("last words", self.text)

    def test_a_crash_shows_where_it_was(self):
        failure = self.failure("def guilty():\n    import ctypes; ctypes.string_at(0)\nguilty()")
        self.assertEqual((failure.kind, failure.death.signal_name), ("kernel_died", "SIGSEGV"))
        self.assertIn("in guilty", failure.death.stderr_tail)

    def test_errors_that_are_hard_to_show_are_shown(self):
        self.assertEqual(self.failure("class E(Exception):\n  def __str__(self): 1/0\n"
                                      "raise E").type, "E")
        self.assertEqual(self.failure("def f(): f()\nf()").type, "RecursionError")
        self.assertEqual(self.failure("raise ValueError('a\\nb')").message, "a b")
        self.assertEqual(self.failure("raise ValueError").message, "ValueError")

    def test_an_error_whose_text_raises_anything_fails_its_request_only(self):
        for raised in ("SystemExit(4)", "KeyboardInterrupt", "GeneratorExit", "ZeroDivisionError"):
            for base in ("Exception", "BaseException"):
                failure = self.failure(f"class B({base}):\n  def __str__(self): raise {raised}\n"
                                       "  __repr__ = __str__\nraise B()")
                self.assertEqual((failure.type, failure.message),
                                 ("B", "<exception str() failed>"))
                self.assertIn("raise B()", "\n".join(failure.traceback))
        for code in ("raise SystemExit(B())", "raise SyntaxError(B())",
                     "raise ValueError('x') from B()"):
            self.assertTrue(self.failure(code).type)
        self.assertEqual(self.eval("1 + 1"), 2)

    def test_a_future_import_holds_from_then_on(self):
        self.eval("from __future__ import annotations")
        self.assertEqual(self.eval("def f(a: nowhere): pass\nf.__annotations__"), {"a": "nowhere"})

    def test_inspect_finds_the_source_of_what_was_evaluated(self):
        self.eval("def f():\n    return 'a line'")
        self.assertIn("a line", self.eval("import inspect\ninspect.getsource(f)"))

    def test_a_script_has_its_arguments_and_its_place(self):
        import os
        import tempfile
        with tempfile.TemporaryDirectory() as place:
            path = os.path.join(place, "script.py")
            with open(os.path.join(place, "beside_it.py"), "w") as beside:
                beside.write("x = 5")
            with open(path, "w") as script:
                script.write("")
            value = self.eval("import sys, beside_it\n[sys.argv, __file__, beside_it.x]",
                              source_name=path, args=["a", "b"])
        self.assertEqual(value, [[path, "a", "b"], path, 5])

    def test_what_cannot_be_sent_is_named_by_its_place(self):
        failure = self.failure("import threading\n"
                               "class A: pass\na = A(); a.name = threading.Lock()\n[1, 2, a]")
        self.assertEqual(failure.type, "TypeError")
        self.assertIn("value[2].name", failure.message)
        self.assertIn("value['k']", self.failure("d = {}; d['k'] = d; d").message)
        self.assertIn("nested more than", self.failure(
            "l = []\nfor _ in range(100): l = [l]\nl").message)

    def test_a_value_that_is_not_wanted_need_not_be_sendable(self):
        self.w.remote_eval_wait("threading = __import__('threading'); threading.Lock()")


class Tensors(KernelTest):
    def test_buffers_are_tensors_without_numpy(self):
        value = self.eval("import array, sys\n"
                          "assert 'numpy' not in sys.modules\narray.array('i', [1, 2, 3])")
        self.assertEqual(list(value), [1, 2, 3])
        self.assertEqual(self.eval("memoryview(bytes(6)).cast('B', (2, 3))").shape, (2, 3))
        self.assertEqual(self.eval("[bytearray(b'ab'), memoryview(b'cd')]"), [b"ab", b"cd"])
        self.assertFalse(self.eval("'numpy' in sys.modules"))

    @unittest.skipUnless(has("numpy"), "numpy is not installed")
    def test_arrays_of_every_layout_come_back_equal(self):
        import numpy
        for code in ("np.arange(6).reshape(2, 3)", "np.arange(10.)[::2]",
                     "np.asfortranarray(np.arange(6).reshape(2, 3))", "np.arange(4, dtype='>i4')",
                     "np.array(3)", "np.zeros((0, 3))", "np.ones(3, bool)",
                     "np.ones(3, np.complex64)", "np.ones(2, np.float16)", "np.arange(200000)"):
            value = self.eval("import numpy as np\n" + code)
            numpy.testing.assert_array_equal(value, eval(code, {"np": numpy}))
            numpy.testing.assert_array_equal(self.w.remote_call_fetch("copy.copy", value), value)

    def test_a_complex_number_is_a_tensor_without_dimensions(self):
        self.eval("def same(x): return [type(x).__name__, x.real, x.imag]")
        self.assertEqual(self.eval("c = RemoteChannel(1); c.put(1 + 2j); same(c.take())"),
                         ["complex", 1.0, 2.0])

    @unittest.skipUnless(has("numpy"), "numpy is not installed")
    def test_numbers_of_numpy_are_plain_numbers(self):
        value = self.eval("import numpy as np\n[np.int32(1), np.float32(.5), np.bool_(True)]")
        self.assertEqual([type(item) for item in value], [int, float, bool])

    @unittest.skipUnless(has("numpy"), "numpy is not installed")
    def test_a_large_array_that_code_keeps_stays_as_it_was(self):
        import numpy
        self.eval("kept = []\nkeep = lambda a: kept.append(a[1:])")
        for i in range(5):
            self.w.remote_call_fetch("keep", numpy.full(100000, i))
        self.w.remote_call_fetch("len", b"x" * 10**6)  # other messages, where theirs may have been
        self.assertEqual(self.eval("[[int(a.min()), int(a.max()), len(a), a.flags.writeable]"
                                   " for a in kept]"),
                         [[i, i, 99999, False] for i in range(5)])

    @unittest.skipUnless(has("numpy"), "numpy is not installed")
    def test_an_array_is_sent_as_it_was_when_its_request_ended(self):
        self.eval("import numpy as np\na = np.zeros(3_000_000)")
        for i in range(10):
            asked = [self.w.remote_eval("a"), self.w.remote_eval("a += 1")]
            value = asked[0].result(20)
            self.assertEqual((value.min(), value.max()), (i, i))
            asked[1].result(20)

    @unittest.skipUnless(has("numpy"), "numpy is not installed")
    def test_what_was_lent_is_given_back_also_when_nothing_more_is_asked(self):
        self.eval("import numpy as np, weakref\n"
                  "def big():\n    a = np.ones(10**6)\n"
                  "    weakref.finalize(a, print, 'freed')\n    return a")
        self.w.remote_call_fetch("big")
        eventually(lambda: self.text == "freed\n", "the array is freed")


class Natives(KernelTest):
    trust = True

    def test_other_values_are_pickles(self):
        for value in ({1, 2}, 2**100, range(3), slice(1, 2), {"a": [2**70, {3}]}):
            self.assertEqual(self.eval(repr(value)), value)
            self.assertEqual(self.w.remote_call_fetch("copy.copy", value), value)

    def test_a_host_that_does_not_trust_gets_none(self):
        careful = self.daemon.broker.attach(self.w)
        with self.assertRaises(oast.Error):
            careful.remote_eval_fetch("{1, 2}")

    @unittest.skipUnless(has("numpy"), "numpy is not installed")
    def test_arrays_inside_travel_beside_the_pickle(self):
        value = self.eval("import numpy as np, types\n"
                          "types.SimpleNamespace(a=np.arange(100000), b=np.ones(3))")
        self.assertEqual((int(value.a[-1]), value.b.tolist()), (99999, [1, 1, 1]))
        self.assertEqual(self.w.remote_call_fetch("builtins.vars", value)["a"].shape, (100000,))

    @unittest.skipUnless(has("cloudpickle"), "cloudpickle is not installed")
    def test_functions_of_main_travel_both_ways(self):
        self.assertEqual(self.eval("k = 3\ndef f(x): return x * k\nf")(5), 15)
        self.assertEqual(self.w.remote_call_fetch(lambda a, b=1: a - b, 5, b=2), 3)


class Decoding(unittest.TestCase):
    """The decoder alone, of nodes made here: what no host in Python can send, or not in time."""

    def setUp(self):
        sys.path.insert(0, str(ENGINE))
        self.addCleanup(sys.path.remove, str(ENGINE))

    def decode(self, nodes):
        from oast_kernel.codec.decode import decode
        from oast_kernel.codec.memory import address_of
        from oast_kernel.codec.nodes import NODE_SIZE
        from oast_kernel.values import KERNEL
        return decode(address_of(nodes), len(nodes) // NODE_SIZE, KERNEL)

    def test_a_key_that_is_a_map_is_refused_with_its_reason(self):
        from oast_kernel.codec.nodes import LIST, MAP, NIL
        node = struct.Struct("<I36xQ24x").pack  # kind, number of items
        for key in (node(MAP, 0), node(LIST, 1) + node(MAP, 0)):
            with self.assertRaisesRegex(TypeError, "a key of a map is a dict, which no dict can"):
                self.decode(node(MAP, 1) + key + node(NIL, 0))

    def test_bytes_may_be_longer_than_an_int_of_c_counts(self):
        from oast_kernel.codec.memory import Pin
        from oast_kernel.codec.nodes import BYTES
        size = 2**31 + 3
        try:
            memory = mmap.mmap(-1, size)  # takes no memory until it is written
            memory[size - 1] = 7
            data = self.decode(struct.pack("<I20xQQ32x", BYTES, Pin(memory).address, size))
        except (OSError, MemoryError):
            self.skipTest("there is no memory of 2 GiB")
        self.assertEqual((len(data), data[-3:]), (size, b"\0\0\7"))


if __name__ == "__main__":
    unittest.main()
