"""The vectors by Python's codec, with the policies of hosts and of kernels, and without numpy."""

import ast
import ctypes
import json
import os
import pathlib
import pickle
import struct
import subprocess
import sys
import unittest

import oast
import oast_kernel.values
from oast import _values
from oast._codec import nodes
from oast_kernel.codec import decode, encode

try:
    import numpy
except ImportError:
    numpy = None

DIRECTORY = pathlib.Path(__file__).resolve().parent / "values"
NAMES = sorted(file.stem for file in DIRECTORY.glob("*.json"))
NEEDS_NUMPY = {"complex64", "complex128"} | ({"float16"} if sys.version_info < (3, 12) else set())

_library = ctypes.CDLL(os.environ["OAST_VECTOR_NODES"])
_library.vector_open.restype = ctypes.c_void_p
_library.vector_open.argtypes = [ctypes.c_char_p, ctypes.POINTER(nodes.Value)]
_library.vector_close.argtypes = [ctypes.c_void_p]
_library.vector_means.argtypes = [ctypes.c_char_p, nodes.Value]
_library.vector_problem.restype = ctypes.c_char_p


def bits(number):
    return struct.pack(">d", number).hex()


def data_of(form):
    return bytes.fromhex(form["hex"]) * form.get("repeat", 1)


class Host:
    """A host's side."""

    def __init__(self, trust):
        self.trust = trust

    def decode(self, value):
        return _values.decode(None, value, self.trust)

    def encode(self, value):
        return _values.encode((value,), self.trust)

    @staticmethod
    def is_error(value, failure):
        if not isinstance(value, oast.Error):
            return False
        got, death = value.failure, failure.get("death")
        if (got.death is None) != (death is None):
            return False
        if death is not None:
            shown = (got.death.cause, got.death.exit_code, got.death.signal, got.death.signal_name,
                     got.death.explanation, got.death.stderr_tail)
            code = death["exit_code"]
            if shown != (death["cause"], None if code < 0 else code, death["signal"] or None,
                         death["signal_name"], death["explanation"], death["stderr_tail"]):
                return False
        return (got.kind, got.message, got.type, list(got.traceback)) == tuple(
            failure[key] for key in ("kind", "message", "type", "traceback"))


class Kernel:
    """A kernel's side."""

    trust = True

    @staticmethod
    def decode(value):
        return decode.decode(value.nodes, value.count, oast_kernel.values.KERNEL)

    @staticmethod
    def encode(value):
        return encode.Encoder((value,), oast_kernel.values.KERNEL)

    @staticmethod
    def is_error(value, failure):
        return isinstance(value, oast_kernel.values.RemoteError) and (
            str(value), value.type, list(value.traceback)) == tuple(
                failure[key] for key in ("message", "type", "traceback"))


def means(side, value, form, key=False):
    """Whether the value is what the readable form says, with the very types and bits."""
    kind = form["kind"]
    if kind == "nil":
        return value is None
    if kind == "bool":
        return value is form["value"]
    if kind == "int64":
        return type(value) is int and value == int(form["value"])
    if kind == "float64":
        return type(value) is float and bits(value) == form["bits"]
    if kind == "string":
        return type(value) is str and value == form["value"]
    if kind == "bytes":
        return type(value) is bytes and value == data_of(form)
    if kind == "list":
        items = form["items"] * form.get("repeat", 1)
        return type(value) is (tuple if key else list) and len(value) == len(items) and all(
            means(side, item, part, key) for item, part in zip(value, items))
    if kind == "map":
        pairs = form["pairs"]
        return type(value) is dict and len(value) == len(pairs) and all(
            means(side, got, wanted, True) and means(side, item, part)
            for (got, item), (wanted, part) in zip(value.items(), pairs))
    if kind == "tensor":
        return is_tensor(value, form)
    if kind == "error":
        return side.is_error(value, form["failure"])
    return value == ast_value(form["python"])


def ast_value(text):
    """Of an expression of literals, * and **."""
    return eval(compile(ast.parse(text, mode="eval"), "vector", "eval"), {"__builtins__": {}})


def is_tensor(value, form):
    dtype, shape, data = form["dtype"], tuple(form["shape"]), data_of(form)
    name = "bool" if dtype == "bool8" else dtype
    if not shape and dtype == "complex128":
        return type(value) is complex and struct.pack("<dd", value.real, value.imag) == data
    if not shape and dtype == "complex64":
        kind = numpy.complex64 if numpy else complex
        return type(value) is kind and struct.pack("<ff", value.real, value.imag) == data
    if numpy:
        return type(value) is numpy.ndarray and not value.flags.writeable and (
            value.dtype.name, value.shape, value.tobytes()) == (name, shape, data)
    if 0 in shape:  # a memoryview of nothing has one dimension
        return type(value) is memoryview and value.shape == (0,)
    return type(value) is memoryview and (value.shape, value.tobytes()) == (shape, data)


def parts_of(form):
    yield form
    for part in form.get("items", ()):
        yield from parts_of(part)
    for pair in form.get("pairs", ()):
        for part in pair:
            yield from parts_of(part)


def refusals_of(form, side):
    """The exceptions of which decoding must end with one; none: with a value."""
    refusals = set()
    for part in parts_of(form):
        if part["kind"] == "native" and not side.trust:
            refusals.add(oast.NativeValueError)
        elif part["kind"] == "native" and part["format"] != "pickle5":
            refusals.add(oast.NativeValueError if isinstance(side, Host) else TypeError)
        elif part["kind"] == "native" and "python" not in part:
            refusals.add(pickle.UnpicklingError)
        elif part["kind"] == "tensor" and part["dtype"] in NEEDS_NUMPY and numpy is None:
            if part["shape"] or part["dtype"] == "float16":
                refusals.add(TypeError)
    return tuple(refusals)


def loses_its_dtype(form):
    """Of what Python has without numpy: other views look alike."""
    return numpy is None and any(
        part["kind"] == "tensor" and (
            (part["dtype"] == "uint8" and len(part["shape"]) == 1)  # is bytes
            or (part["dtype"] == "complex64" and not part["shape"])  # is complex
            or 0 in part["shape"]  # has one dimension
        ) for part in parts_of(form))


class Vectors(unittest.TestCase):
    maxDiff = None

    def check(self, side, name):
        form = json.loads((DIRECTORY / f"{name}.json").read_text(encoding="utf-8"))
        view = nodes.Value()
        opened = _library.vector_open(os.fsencode(DIRECTORY / f"{name}.bin"), ctypes.byref(view))
        self.assertTrue(opened, _library.vector_problem())
        self.addCleanup(_library.vector_close, opened)
        refusals = refusals_of(form, side)
        if refusals:
            with self.assertRaises(refusals):
                side.decode(view)
            return
        value = side.decode(view)
        self.assertTrue(means(side, value, form), repr(value)[:500])
        encoded = side.encode(value)
        again = nodes.Value(encoded.address, encoded.count)
        kinds = {part["kind"] for part in parts_of(form)}
        # A host that trusts its worker pickles exceptions; and pickles differ.
        if "native" in kinds or ("error" in kinds and isinstance(side, Host) and side.trust):
            self.assertTrue(means(side, side.decode(again), form))
        elif not loses_its_dtype(form):
            self.assertTrue(
                _library.vector_means(os.fsencode(DIRECTORY / f"{name}.json"), again),
                _library.vector_problem().decode())

    def check_all(self, side):
        self.assertGreater(len(NAMES), 60)
        for name in NAMES:
            with self.subTest(name):
                self.check(side, name)

    def test_a_host_reads_and_writes_every_vector(self):
        self.check_all(Host(False))

    def test_a_host_that_trusts_its_worker_reads_and_writes_every_vector(self):
        self.check_all(Host(True))

    def test_a_kernel_reads_and_writes_every_vector(self):
        self.check_all(Kernel)

    def test_hosts_and_kernels_have_one_source(self):
        for part in (encode, decode):
            other = getattr(sys.modules["oast._codec"], part.__name__.rpartition(".")[2])
            self.assertIsNot(part, other)
            self.assertTrue(os.path.samefile(part.__file__, other.__file__))

    @unittest.skipIf(numpy is None, "that is what happens now")
    def test_all_of_that_without_numpy(self):
        code = ("import runpy, sys; sys.modules['numpy'] = None; sys.argv = sys.argv[1:]; "
                "runpy.run_path(sys.argv[0], run_name='__main__')")
        ran = subprocess.run([sys.executable, "-B", "-c", code, __file__],
                             stderr=subprocess.PIPE, universal_newlines=True, timeout=120)
        self.assertEqual(ran.returncode, 0, ran.stderr)


if __name__ == "__main__":
    unittest.main()
