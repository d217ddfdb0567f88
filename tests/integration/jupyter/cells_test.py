"""Cells: their order, counts, output, input, interrupts and ends, as the protocol has them."""

import contextlib
import json
import os
import pathlib
import signal
import subprocess
import sys
import threading
import unittest
from typing import Any, Dict, Iterator

import zmq  # type: ignore[import]
from support import GENEROUS, Frontend, TestCase, eventually, exists, frontend, kinds


class CellsTest(TestCase):
    front: Frontend

    @classmethod
    def setUpClass(cls) -> None:
        cls.front = Frontend("python")

    @classmethod
    def tearDownClass(cls) -> None:
        cls.front.close()

    def test_a_request_is_busy_then_says_all_it_has_to_and_is_idle_last(self) -> None:
        request = self.front.client.execute("print('a')\n2")
        states = []
        while states[-1:] != ["idle"]:
            message = self.front.iopub()
            if message["parent_header"].get("msg_id") == request:
                states.append(message["content"].get("execution_state", message["msg_type"]))
        self.assertEqual(states, ["busy", "execute_input", "stream", "execute_result", "idle"])
        self.assertEqual(self.front.shell()["content"]["status"], "ok")

    def test_a_silent_cell_is_not_counted_and_shows_no_value(self) -> None:
        before = self.front.run("1")[0]["execution_count"]
        reply, outputs = self.front.run("2", silent=True)
        self.assertEqual((reply["status"], kinds(outputs)), ("ok", []))
        self.front.run("3", store_history=False)
        self.assertEqual(self.front.run("4")[0]["execution_count"], before + 1)

    def test_expressions_are_evaluated_after_the_cell_each_on_its_own(self) -> None:
        reply, _ = self.front.run("x = 20", user_expressions={"good": "x + 1", "bad": "nothing"})
        good, bad = reply["user_expressions"]["good"], reply["user_expressions"]["bad"]
        self.assertEqual((good["status"], good["data"]["text/plain"]), ("ok", "21"))
        self.assertEqual((bad["status"], bad["ename"]), ("error", "NameError"))

    def test_input_is_asked_for_and_a_stale_answer_is_not_taken(self) -> None:
        client = self.front.client
        request = client.execute("print(input('name? '))", allow_stdin=True)
        asked = client.get_stdin_msg(timeout=GENEROUS)
        self.assertEqual(asked["content"], {"prompt": "name? ", "password": False})
        self.assertEqual(asked["parent_header"]["msg_id"], request)
        stale = client.session.msg("input_reply", {"value": "wrong"},
                                   parent=client.session.msg_header("input_request"))
        client.stdin_channel.send(stale)
        client.input("right")
        self.assertEqual(self.front.shell()["content"]["status"], "ok")
        texts = [o["content"]["text"] for o in self.front.outputs(request)
                 if o["msg_type"] == "stream"]
        self.assertEqual("".join(texts), "right\n")

    def test_without_input_allowed_its_end_is_read(self) -> None:
        reply, _ = self.front.run("input()", allow_stdin=False)
        self.assertEqual((reply["status"], reply["ename"]), ("error", "EOFError"))

    def test_an_interrupt_ends_the_cell_that_runs_and_no_other(self) -> None:
        request = self.front.client.execute("print('on', flush=True)\nwhile True: pass")
        while self.front.iopub()["msg_type"] != "stream":
            pass
        self.front.interrupt()
        self.assertEqual(self.front.shell()["content"]["ename"], "KeyboardInterrupt")
        self.assertEqual(kinds(self.front.outputs(request)).count("error"), 1)
        self.front.interrupt()  # nothing runs: nothing happens
        self.assertEqual(self.front.text("print(1)"), "1\n")

    def test_sigint_to_the_bridge_is_an_interrupt_too(self) -> None:
        self.front.client.execute("print('on', flush=True)\nwhile True: pass")
        while self.front.iopub()["msg_type"] != "stream":
            pass
        os.kill(self.front.pid, signal.SIGINT)
        self.assertEqual(self.front.shell()["content"]["ename"], "KeyboardInterrupt")
        self.assertEqual(self.front.text("print(1)"), "1\n")

    def test_control_and_questions_about_code_are_answered_while_a_cell_runs(self) -> None:
        client = self.front.client
        client.execute("print('on', flush=True)\nwhile True: pass")
        while self.front.iopub()["msg_type"] != "stream":
            pass
        client.control_channel.send(client.session.msg("kernel_info_request", {}))
        self.assertEqual(client.get_control_msg(timeout=GENEROUS)["msg_type"], "kernel_info_reply")
        client.complete("zi")
        self.assertIn("zip", self.front.shell()["content"]["matches"])
        client.inspect("zip")
        self.assertTrue(self.front.shell()["content"]["found"])
        client.is_complete("def f():")
        self.assertEqual(self.front.shell()["content"]["status"], "incomplete")
        self.front.interrupt()
        self.assertEqual(self.front.shell()["content"]["status"], "error")

    def test_positions_count_characters(self) -> None:
        self.front.client.complete("'äöü€'; zi", 10)
        content = self.front.shell()["content"]
        self.assertEqual((content["cursor_start"], content["cursor_end"]), (8, 10))

    def test_a_character_that_is_written_in_two_pieces_is_shown(self) -> None:
        code = ("import os, time\nfor byte in 'ü€'.encode():\n"
                "    os.write(1, bytes([byte]))\n    time.sleep(0.01)")
        self.assertEqual(self.front.text(code), "ü€")

    def test_two_hundred_cells_at_once_keep_their_order_and_counts(self) -> None:
        """One in the middle fails: what was behind it is aborted, and nothing else."""
        front, client = self.front, self.front.client
        count = front.run("0")[0]["execution_count"]
        # So that none ends before all have come.
        running = client.execute("print('on', flush=True)\nwhile True: pass", stop_on_error=False)
        while front.iopub()["msg_type"] != "stream":
            pass
        sent = [client.execute("1/0" if i == 100 else f"print({i})") for i in range(200)]
        client.kernel_info()
        self.assertEqual(front.shell()["msg_type"], "kernel_info_reply")  # so they have come
        front.interrupt()
        replies = [front.shell() for _ in range(201)]
        self.assertEqual([r["parent_header"]["msg_id"] for r in replies], [running, *sent])
        self.assertEqual([r["content"]["status"] for r in replies],
                         ["error"] + ["ok"] * 100 + ["error"] + ["aborted"] * 99)
        self.assertEqual([r["content"]["execution_count"] for r in replies[:102]],
                         list(range(count + 1, count + 103)))
        idle, shown = [], []
        while idle[-1:] != sent[-1:]:
            message = front.iopub()
            if message["content"].get("execution_state") == "idle":
                idle.append(message["parent_header"]["msg_id"])
            elif message["msg_type"] == "stream":
                shown.append(message["content"]["text"])
        self.assertEqual([request for request in idle if request in sent], sent)
        self.assertEqual(shown, [f"{i}\n" for i in range(100)])
        self.assertEqual(front.text("print('still')"), "still\n")

    def test_a_subscriber_is_welcomed_on_iopub(self) -> None:
        with self.subscriber() as socket:
            welcome = received(socket)
            self.assertEqual(welcome["msg_type"], "iopub_welcome")
            self.assertEqual(welcome["content"], {"subscription": ""})

    def test_who_subscribes_while_a_cell_runs_gets_what_it_missed_and_nobody_else_does(self) -> None:
        front = self.front
        cell = front.client.execute("print('a')\nprint('b', flush=True)\nwhile True: pass")
        while front.iopub()["msg_type"] != "stream":
            pass
        with self.subscriber() as socket:
            self.assertEqual(received(socket)["msg_type"], "iopub_welcome")
            missed = [received(socket) for _ in range(3)]
            self.assertEqual(kinds(missed), ["status", "execute_input", "stream"])
            self.assertEqual(missed[2]["content"], {"name": "stdout", "text": "a\nb\n"})
            for message in missed:
                self.assertEqual(message["parent_header"]["msg_id"], cell)
                self.assertEqual(message["metadata"], {"oast": {"replayed": True}})
            front.interrupt()
            self.assertEqual(received(socket)["msg_type"], "error")
            self.assertEqual(received(socket)["content"], {"execution_state": "idle"})
        self.assertEqual(kinds(front.outputs(cell)), ["error"])
        front.shell()

    def test_P4_a_frontend_that_does_not_read_holds_the_cell_back_and_misses_nothing(self) -> None:
        total = 150_000_000
        with self.subscriber(rcvhwm=1, rcvbuf=65536) as socket:
            received(socket)  # so it is there
            cell = self.front.client.execute(
                "for i in range(150): print('x' * 1_000_000, end='', flush=True)")
            other = threading.Thread(target=self.front.outputs, args=(cell,))  # it reads
            other.start()
            printed = 0
            while printed < total:
                message = received(socket)
                if message["msg_type"] == "stream":
                    printed += len(message["content"]["text"])
            self.assertEqual(printed, total)
        other.join(GENEROUS)
        self.assertFalse(other.is_alive())
        self.assertEqual(self.front.shell()["content"]["status"], "ok")
        self.assertLess(peak_bytes(self.front.pid), total // 2)

    @contextlib.contextmanager
    def subscriber(self, **options: int) -> Iterator[Any]:
        """A socket that subscribes to all of iopub."""
        port = self.front.manager.get_connection_info()["iopub_port"]
        context = zmq.Context()
        socket = context.socket(zmq.SUB)
        try:
            socket.linger = 0
            for name, value in options.items():
                setattr(socket, name, value)
            socket.subscribe(b"")
            socket.connect(f"tcp://127.0.0.1:{port}")
            yield socket
        finally:
            socket.close()
            context.term()


def peak_bytes(pid: int) -> int:
    """The most memory that the process has had."""
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("the process has no memory")


def received(socket: Any) -> Dict[str, Any]:
    """The next message but status and interrupt_reply of control."""
    while True:
        assert socket.poll(GENEROUS * 1000)
        header, parent, metadata, content = map(json.loads, socket.recv_multipart()[3:7])
        if parent.get("msg_type") != "interrupt_request":
            return {"msg_type": header["msg_type"], "parent_header": parent, "metadata": metadata,
                    "content": content}


class LifeTest(TestCase):
    def test_a_cell_that_kills_its_kernel_shows_how_it_died(self) -> None:
        with frontend("python") as front:
            reply, outputs = front.run("print('last', flush=True)\n"
                                       "import os\nos.write(2, b'some words\\n')\n"
                                       "os.kill(os.getpid(), 9)")
            self.assertEqual((reply["status"], reply["ename"]), ("error", "KernelDied"))
            self.assertIn("SIGKILL", "\n".join(reply["traceback"]))
            self.assertIn("error", kinds(outputs))
            self.assertIn("last\n", [o["content"].get("text") for o in outputs])
            eventually(lambda: not exists(front.pid), "the bridge ends, for the frontend to see")

    def test_a_kernel_that_dies_while_idle_ends_its_bridge(self) -> None:
        with frontend("python") as front:
            kernel = int(front.text("import os; print(os.getpid())"))
            os.kill(kernel, signal.SIGKILL)
            eventually(lambda: not exists(front.pid), "the bridge ends")

    def test_a_restart_gives_a_new_kernel_and_counts_from_one(self) -> None:
        with frontend("python") as front:
            front.run("x = 1")
            front.client.stop_channels()
            front.manager.restart_kernel()
            front.client = front.manager.client()
            front.connect()
            reply, _ = front.run("x")
            self.assertEqual((reply["ename"], reply["execution_count"]), ("NameError", 1))

    def test_a_shutdown_is_answered_and_ends_all(self) -> None:
        with frontend("lua") as front:
            front.client.shutdown()
            self.assertEqual(front.client.get_control_msg(timeout=GENEROUS)["msg_type"],
                             "shutdown_reply")
            eventually(lambda: not exists(front.pid), "the bridge ends")

    def test_P3_no_kernel_outlives_a_bridge_that_was_killed(self) -> None:
        with frontend("python") as front:
            kernel = int(front.text("import os; print(os.getpid())"))
            os.kill(front.pid, signal.SIGKILL)
            eventually(lambda: not exists(kernel), "the kernel ends")

    def test_P3_no_bridge_outlives_its_server(self) -> None:
        program = ("import support, os, sys, time\n"
                   "front = support.Frontend('lua')\n"
                   "print(front.pid, flush=True)\n"
                   "os.kill(os.getpid(), 9)\n")
        ended = subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True,
                               timeout=GENEROUS)
        bridge = int(ended.stdout)
        eventually(lambda: not exists(bridge), "the bridge ends")


if __name__ == "__main__":
    unittest.main()
