"""What code prints and asks for."""

import io
import subprocess
import sys
import unittest

from support import GENEROUS, KernelTest, eventually

LEAVER = """import sys, time, oast
def ask(prompt, password):
    print("asked", flush=True)
    time.sleep(1000)
w = oast.connect(sys.argv[1]).attach(sys.argv[2], on_input=ask)
w.remote_do("try: input()\\nexcept EOFError: line = 'no more'")
time.sleep(1000)"""


class Output(KernelTest):
    def of(self, stream):
        return "".join(o.text for o in self.outputs if o.stream == stream)

    def test_everything_arrives_in_order_before_the_reply(self):
        self.eval("import sys, os, ctypes, subprocess, logging\n"
                  "libc = ctypes.CDLL(None)\n"
                  "for i in range(20):\n"
                  "    print('python', i)\n"
                  "    os.write(1, b'descriptor %d\\n' % i)\n"
                  "    libc.printf(b'printf %d\\n', i)\n"
                  "    sys.stdout.buffer.write(b'buffer %d\\n' % i)\n"
                  "subprocess.run(['echo', 'child'])\n"
                  "print('end')")
        expected = [f"{what} {i}" for i in range(20)
                    for what in ("python", "descriptor", "printf", "buffer")]
        self.assertEqual(self.of("stdout").splitlines(), expected + ["child", "end"])

    def test_stderr_and_logging_are_apart(self):
        self.eval("import sys, logging\nprint('out')\nprint('err', file=sys.stderr)\n"
                  "logging.warning('logged')")
        self.assertEqual(self.of("stdout"), "out\n")
        self.assertEqual(self.of("stderr"), "err\nWARNING:root:logged\n")

    def test_output_streams_while_code_runs(self):
        future = self.w.remote_eval("print('before')\ninput()")
        eventually(lambda: self.text == "before\n", "it is shown")
        future.exception(20)

    def test_a_progress_bar_arrives_as_written(self):
        self.eval("import sys\nfor i in range(3): sys.stderr.write(f'\\r{i}/2')")
        self.assertEqual(self.of("stderr"), "\r0/2\r1/2\r2/2")

    def test_the_streams_are_files(self):
        self.assertEqual(self.eval(
            "import sys, io\n[sys.stdout.encoding, sys.stdout.fileno(), sys.stderr.fileno(),"
            " isinstance(sys.stdout, io.TextIOBase), sys.stdout.isatty(), sys.stdout.writable()]"),
            ["utf-8", 1, 2, True, False, True])
        self.eval("sys.stdout.close(); print('still', flush=True); print('\\ud800')")
        self.assertEqual(self.text, "still\n\\ud800\n")

    def test_a_thread_prints_for_the_request_that_started_it(self):
        other = []
        first = self.w.remote_eval("import threading\ngo = threading.Event()\n"
                                   "t = threading.Thread(target=lambda: (go.wait(), print('late')))"
                                   "\nt.start()")
        first.result(20)
        self.w.remote_eval_fetch("go.set(); t.join(); print('mine')", on_output=other.append)
        self.assertEqual("".join(o.text for o in other), "mine\n")
        eventually(lambda: self.text == "late\n", "the thread's output is of the first request")

    def test_a_forked_child_prints_and_ends_and_the_kernel_goes_on(self):
        self.eval("import os\nif os.fork() == 0:\n    print('child')\nelse:\n    os.wait()")
        self.eval("import multiprocessing\np = multiprocessing.get_context('fork')"
                  ".Process(target=print, args=('process',))\np.start(); p.join()")
        self.assertEqual(self.of("stdout"), "child\nprocess\n")
        self.assertEqual(self.eval("1 + 1"), 2)

    def test_a_forked_child_is_told_that_it_is_no_kernel(self):
        self.eval("import multiprocessing\nfork = multiprocessing.get_context('fork')\n"
                  "channel = RemoteChannel(2); channel.put(1)\n"
                  "def tell(queue, use):\n"
                  "    try: queue.put(repr(use()))\n"
                  "    except BaseException as error: queue.put(repr(error))\n"
                  "def in_child(use):\n"
                  "    queue = fork.SimpleQueue()\n"
                  "    p = fork.Process(target=tell, args=(queue, use)); p.start()\n"
                  "    said = queue.get(); p.join(); return said")
        for use in ("channel.put(2)", "channel.take()", "channel.ready()", "channel.close()",
                    "list(channel)", "RemoteChannel(1)", "input()"):
            said = self.eval(f"in_child(lambda: {use})")
            self.assertTrue(said.startswith("RuntimeError(\"this process was forked"), (use, said))
        self.assertEqual(self.eval("in_child(lambda: print('child'))"), "None")
        eventually(lambda: self.of("stdout") == "child\n", "its output is captured")
        self.assertEqual(self.eval("[channel.take(), channel.ready()]"), [1, False])

    def test_a_child_that_fails_says_so_on_stderr(self):
        self.assertEqual(self.eval("import os\npid = os.fork()\nif pid == 0: 1 / 0\n"
                                   "os.waitpid(pid, 0)[1] >> 8"), 1)
        self.assertIn("ZeroDivisionError", self.of("stderr"))


class Input(KernelTest):
    def test_input_and_getpass_ask_the_host(self):
        self.answers = ["Ada", "secret"]
        self.assertEqual(self.eval("import getpass\n[input('name? '), getpass.getpass('word? ')]"),
                         ["Ada", "secret"])
        self.assertEqual(self.asked, [("name? ", False), ("word? ", True)])

    def test_getpass_asks_the_host_also_after_code_only_looked_for_it(self):
        self.answers = ["secret"]
        self.assertTrue(self.eval("import importlib.util\n"
                                  "importlib.util.find_spec('getpass') is not None"))
        self.assertEqual(self.eval("import getpass\ngetpass.getpass('word? ')"), "secret")
        self.assertEqual(self.asked, [("word? ", True)])

    def test_a_module_that_is_changed_when_imported_can_be_run(self):
        self.assertIsNone(self.eval("import runpy\nrunpy.run_module('linecache')\nNone"))

    def test_stdin_gives_lines(self):
        self.answers = ["one", "two", "three"]
        self.assertEqual(self.eval("import sys\n[sys.stdin.readline(), *sys.stdin]"),
                         ["one\n", "two\n", "three\n"])

    def test_a_file_of_the_host_is_the_standard_input_byte_for_byte(self):
        data = bytes(range(256)) * 1000 + b"no end of line"
        for read in ("sys.stdin.buffer.read()", "b''.join(sys.stdin.buffer)",
                     "b''.join(iter(lambda: sys.stdin.buffer.read(7777), b''))",
                     "b''.join(iter(lambda: sys.stdin.buffer.read1(), b''))",
                     "io.BufferedReader(sys.stdin.buffer).read()"):
            with self.subTest(read):
                self.assertEqual(self.eval("import io, sys\n" + read, on_input=io.BytesIO(data)),
                                 data)

    def test_text_of_stdin_is_as_python_has_it(self):
        data = "eins\r\nzwei ä €\n\rvier".encode()
        for read in ("sys.stdin.read()", "''.join(sys.stdin)", "''.join(sys.stdin.readlines())",
                     "''.join(iter(lambda: sys.stdin.read(2), ''))",
                     "''.join(iter(lambda: sys.stdin.readline(3), ''))"):
            with self.subTest(read):
                self.assertEqual(self.eval("import sys\n" + read, on_input=io.BytesIO(data)),
                                 io.TextIOWrapper(io.BytesIO(data), "utf-8").read())

    def test_lines_come_from_stdin_once_code_has_read_from_there(self):
        data = io.BytesIO(b"one\ntwo\nthree\nfour\n")
        self.assertEqual(self.eval("[input(), input('? ')]", on_input=data), ["one", "two"])
        self.assertEqual(self.eval("import sys\n[sys.stdin.read(2), input('? '), input()]",
                                   on_input=data), ["th", "ree", "four"])
        self.assertEqual(self.text, "? ")
        self.assertEqual(self.failure("import sys; sys.stdin.read(); input()").type, "EOFError")

    def test_many_lines_of_stdin_come_quickly_enough_to_wait_for(self):
        data = b"a line of some length\n" * 500_000
        self.assertEqual(self.eval("import sys\nsum(1 for line in sys.stdin)",
                                   on_input=io.BytesIO(data)), 500_000)

    def test_a_host_that_gives_lines_ends_each(self):
        self.answers = ["one", "two"]
        self.assertEqual(self.eval("import sys\nsys.stdin.buffer.read()"), b"one\ntwo\n")

    def test_the_end_of_input_is_one(self):
        self.assertEqual(self.failure("input()").type, "EOFError")
        self.assertEqual(self.eval("import sys\nsys.stdin.readline()"), "")

    def test_the_input_of_a_host_that_left_has_ended(self):
        leaver = subprocess.Popen([sys.executable, "-c", LEAVER, self.daemon.directory,
                                   str(self.w.id)], stdout=subprocess.PIPE)
        assert leaver.stdout is not None
        try:
            self.assertEqual(leaver.stdout.readline(), b"asked\n")
            line = self.w.remote_eval("line")
        finally:
            leaver.kill()
            leaver.communicate()
        self.assertEqual(line.result(GENEROUS), "no more")

    def test_other_threads_cannot_ask(self):
        self.eval("import threading\nt = threading.Thread(target=input); t.start(); t.join()")
        self.assertIn("main thread", self.text)


if __name__ == "__main__":
    unittest.main()
