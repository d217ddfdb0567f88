"""Values there and back."""

import collections
import ctypes
import datetime
import enum
import math
import mmap
import unittest
import weakref

import oast
from oast import _values
from oast._codec import memory, nodes
from support import LuaTest, eventually, run_python

try:
    import numpy
except ImportError:
    numpy = None


class Portable(LuaTest):
    def back(self, value):
        return self.w.remote_eval_fetch("return ...", args=(value,))

    def test_scalars(self):
        for value in (None, True, False, 0, -1, 2**63 - 1, -(2**63), 1.5, math.inf, "", "ä\0z",
                      "x" * 100_000):
            got = self.back(value)
            self.assertEqual(got, value)
            self.assertIs(type(got), type(value))
        self.assertTrue(math.isnan(self.back(math.nan)))

    def test_containers(self):
        for value in ([1, [2, "three"]], {"a": 1, "b": [True]}, {1.5: "x", "y": {"z": 0}}):
            self.assertEqual(self.back(value), value)
        self.assertEqual(self.back((1, 2)), [1, 2])
        self.assertEqual(self.w.remote_eval_fetch("return select('#', ...)", args=(None,) * 3), 3)

    def test_long_lists_of_numbers_keep_their_types(self):
        for number in (True, -(2**63), 0.5, -0.0):
            for size in (8, 9, 16, 1000, 100_000):
                got = self.back([number] * size)
                self.assertEqual(got, [number] * size)
                self.assertEqual(set(map(type, got)), {type(number)})
        for other in (1, 1.0, None, False, "x", [1]):
            for number in (True, 7, 7.5):
                mixed = [number] * 50 + [other] + [number] * 50
                got = self.back(mixed)
                self.assertEqual(got, mixed)
                self.assertEqual(list(map(type, got)), list(map(type, mixed)))
        rows = [[float(i)] * 20 for i in range(2000)]
        self.assertEqual(self.back(rows), rows)
        with self.assertRaises(OverflowError):
            self.back([1] * 20 + [2**63])

    def test_a_long_list_of_numbers_is_one_node(self):
        for number in (True, 7, 0.5):
            self.assertEqual(_values.encode(([number] * 1000,), False).count, 1)
        self.assertEqual(_values.encode(([1] * 1000 + [1.0],), False).count, 1002)

    def test_four_million_ints_and_more_can_be_sent(self):
        many = list(range(4_300_000))
        self.assertEqual(self.back(many), many)

    def test_subclasses_are_what_they_are_built_on(self):
        class Colour(enum.IntEnum):
            RED = 3

        pair = collections.namedtuple("pair", "a b")
        self.assertEqual(self.back([Colour.RED, pair(1, 2)]), [3, [1, 2]])
        self.assertEqual(self.back(collections.OrderedDict(a=1)), {"a": 1})

    def test_what_is_not_portable_says_what_to_do(self):
        for value in ({1, 2}, datetime.date.today(), object()):
            with self.assertRaises(TypeError) as caught:
                self.back([value])
            self.assertIn("trust=True", str(caught.exception))
        for value in (2**63, -(2**63) - 1, 10**5000):  # the last has too many digits for str()
            with self.assertRaises(OverflowError) as caught:
                self.back(value)
            self.assertIn(f"{value.bit_length()} bits", str(caught.exception))
            self.assertIn("trust=True", str(caught.exception))
        endless = []
        endless.append(endless)
        with self.assertRaises(oast.InvalidError):
            self.back(endless)

    def test_what_is_much_too_large_is_refused(self):
        shared = [0]
        for _ in range(22):
            shared = [shared, shared]
        for value in (shared, [None] * 4_000_001, dict.fromkeys(range(2_000_001))):
            with self.assertRaises(ValueError) as caught:
                _values.encode((value,), False)
            self.assertIn("4,000,000", str(caught.exception))

    def test_complex_numbers_come_back(self):
        for value in (1j, complex(-0.0, math.inf)):
            got = self.back([value])[0]
            self.assertEqual((str(got), type(got)), (str(value), complex))

    def test_what_cannot_be_sent_is_named(self):
        endless = {"a": [1, []]}
        endless["a"][1].append(endless["a"])
        with self.assertRaisesRegex(oast.InvalidError, r"send value\['a'\]\[1\].* contains itself"):
            self.back(endless)
        deep = []
        for _ in range(100):
            deep = [deep]
        with self.assertRaisesRegex(oast.InvalidError, r"value\[0\]\[0\].* nested more than 61"):
            self.back(deep)
        with self.assertRaises(UnicodeEncodeError):
            self.back("\ud800")

    def test_an_error_that_came_goes_on_as_it_was(self):
        failure = oast.Failure("kernel_died", "it died", "Death", ("outer", "inner"),
                               oast.Death("signalled", None, 9, "SIGKILL", "why", "words"))
        got = self.back(oast.TerminatedWorkerException(failure))
        self.assertEqual((type(got), got.failure), (oast.TerminatedWorkerException, failure))

    def test_an_error_is_a_value_too(self):
        got = self.back(ValueError("no good"))
        self.assertIsInstance(got, oast.RemoteException)
        self.assertEqual((got.type, got.failure.message), ("ValueError", "no good"))

    def test_results_without_tensors_keep_no_memory(self):
        freed = []
        method = vars(oast._handles.Answer)["__del__"]  # not the function that it gives a class
        free = oast._handles.Answer.__del__
        oast._handles.Answer.__del__ = lambda p: (freed.append(p.value), free(p))
        try:
            kept = self.back(["x" * 10_000, b"y" * 10_000])
        finally:
            oast._handles.Answer.__del__ = method
        self.assertEqual(len([p for p in freed if p]), 1)
        self.assertEqual(len(kept[0]), 10_000)

    def test_many_values_at_once(self):
        value = [{"i": i, "t": str(i)} for i in range(20_000)]
        self.assertEqual(self.back(value), value)


class Buffers(LuaTest):
    def test_bytes_and_buffers(self):
        for value in (b"\xff", b"\xffabc" * 50_000, bytearray(b"\xfe\0") * 5000):
            got = self.w.remote_eval_fetch("return ...", args=(value,))
            self.assertEqual((type(got), got), (bytes, bytes(value)))

    def test_bytes_of_2_gib_are_read(self):
        size = 2**31 + 1
        with mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE) as pages:  # only where written
            pages[size - 3:] = b"end"
            array = (ctypes.c_char * size).from_buffer(pages)
            address = ctypes.addressof(array)
            node = nodes.NODE.pack(nodes.BYTES, 0, 0, 0.0, address, size, 0, 0, 0, 0)
            got = _values.decode(None, nodes.Value(memory.address_of(node), 1), False)
            del array
        self.assertEqual((len(got), got[-4:]), (size, b"\0end"))

    def test_lent_memory_is_given_back(self):
        class Lent(bytearray):
            pass

        lent = Lent(1_000_000)
        reference = weakref.ref(lent)
        self.w.remote_eval_wait("local kept = ...", args=(memoryview(lent),))
        with self.assertRaises(oast.RemoteException):
            self.w.remote_eval_wait("error('x')", args=(memoryview(lent),))
        del lent
        eventually(lambda: reference() is None, "nobody keeps it")

    def test_a_bytearray_cannot_change_its_size_while_lent(self):
        data = bytearray(1_000_000)
        pin = memory.Pin(data)
        with self.assertRaises(BufferError):
            data.append(1)
        del pin
        data.append(1)

    def test_tensors_without_numpy_are_memoryviews(self):
        code = """
import sys
sys.modules["numpy"] = None
import array, oast
w = oast.Worker("lua")
a = array.array("d", range(10000))
got = w.remote_eval_fetch("return ...", args=(a,))
assert type(got) is memoryview and got.readonly and got.format == "d", got
assert got.tolist() == a.tolist()
got = w.remote_eval_fetch("return ...", args=(memoryview(bytes(6)).cast("B", (2, 3)),))
assert got.shape == (2, 3)
assert w.remote_eval_fetch("return ...", args=(array.array("h"),)).nbytes == 0
print("ok")
"""
        ran = run_python(code)
        self.assertEqual((ran.stdout, ran.stderr), ("ok\n", ""))


@unittest.skipIf(numpy is None, "numpy is not installed")
class Arrays(LuaTest):
    def back(self, value):
        return self.w.remote_eval_fetch("return ...", args=(value,))

    def test_every_dtype_and_shape(self):
        for name in ("bool int8 uint8 int16 uint16 int32 uint32 int64 uint64 float16 float32 "
                     "float64 complex64 complex128").split():
            for shape in ((0,), (3,), (2, 3), (2, 0, 3), (50, 50)):
                a = numpy.arange(math.prod(shape)).reshape(shape).astype(name)
                got = self.back(a)
                self.assertEqual((got.dtype, got.shape), (a.dtype, shape))
                numpy.testing.assert_array_equal(got, a)
                self.assertFalse(got.flags.writeable)

    def test_any_layout(self):
        a = numpy.arange(10_000.0).reshape(100, 100)
        ones = numpy.broadcast_to(1.0, (70, 90))
        for other in (a.T, a[::2, ::-3], a.astype(">f8"), a[5:5], ones):
            numpy.testing.assert_array_equal(self.back(other), other)

    def test_scalars_are_plain_numbers(self):
        for scalar, plain in (
            (numpy.float16(1.5), 1.5), (numpy.float32(0.1), float(numpy.float32(0.1))),
            (numpy.float64(-2.5), -2.5), (numpy.int8(-3), -3), (numpy.uint64(2**63 - 1), 2**63 - 1),
            (numpy.int64(-(2**63)), -(2**63)), (numpy.bool_(True), True), (numpy.str_("x"), "x"),
        ):
            got = self.back(scalar)
            self.assertEqual((got, type(got)), (plain, type(plain)))
        self.assertEqual(self.w.remote_eval_fetch("return ... + 1", args=(numpy.int32(4),)), 5)
        with self.assertRaises(OverflowError):
            self.back(numpy.uint64(2**63))
        for scalar in (numpy.longdouble(1), numpy.datetime64("2020-01-01"), numpy.timedelta64(1)):
            with self.subTest(scalar), self.assertRaises(TypeError):
                self.back(scalar)

    def test_complex_scalars_keep_their_precision(self):
        for scalar, kind in ((numpy.complex64(1 - 2j), numpy.complex64),
                             (numpy.complex128(1 - 2j), complex)):
            got = self.back([scalar])[0]
            self.assertEqual((got, type(got)), (scalar, kind))

    def test_arrays_without_dimensions_stay_arrays(self):
        for name in "bool int8 float16 float32 float64".split():
            a = numpy.array(1, dtype=name)
            got = self.back(a)
            self.assertEqual((type(got), got.dtype, got.shape), (numpy.ndarray, a.dtype, ()))
            self.assertEqual(got, a)

    def test_subclasses_of_arrays_never_lose_what_is_theirs(self):
        masked = numpy.ma.masked_array([1, 2], mask=[True, False])
        for a in (masked, numpy.array([[1, 2]]).view(numpy.matrix)):
            with self.assertRaises(TypeError) as caught:
                self.back([a])
            self.assertIn("trust=True", str(caught.exception))
            self.assertIn("numpy.asarray", str(caught.exception))
            encoded = _values.encode((a,), True)
            self.assertEqual(nodes.NODE.unpack_from(encoded.nodes)[0], nodes.NATIVE)
        self.assertEqual(self.back(numpy.asarray(masked)).tolist(), [1, 2])

    def test_a_result_outlives_its_worker(self):
        w = oast.Worker("lua")
        got = w.remote_eval_fetch("return ...", args=(numpy.arange(100_000),))[10:]
        w.close()
        self.assertEqual(int(got.sum()), sum(range(10, 100_000)))

    def test_a_large_array_is_not_copied(self):
        a = numpy.arange(1_000_000.0)
        encoded = _values.encode((a,), False)
        self.assertEqual(nodes.NODE.unpack(encoded.nodes)[4], a.ctypes.data)
        got = self.back(a)
        base = got
        while getattr(base, "base", None) is not None:
            base = base.base
        self.assertIsInstance(base, memoryview)  # of the library's memory

    def test_objects_and_dates_need_trust(self):
        for a in (numpy.array([object()]), numpy.array(["2020-01-01"], dtype="M8[D]")):
            with self.assertRaises(TypeError) as caught:
                self.back(a)
            self.assertIn("trust=True", str(caught.exception))


if __name__ == "__main__":
    unittest.main()
