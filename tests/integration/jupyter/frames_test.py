"""A raw client that sends what it should not: the bridge drops it, and goes on serving."""

import json
import os
import unittest
from typing import Any, List

import zmq  # type: ignore[import]
from support import GENEROUS, Frontend, TestCase

CHANNELS = ("shell", "control", "stdin", "hb", "iopub")


class FramesTest(TestCase):
    front: Frontend

    @classmethod
    def setUpClass(cls) -> None:
        cls.front = Frontend("lua")

    @classmethod
    def tearDownClass(cls) -> None:
        cls.front.close()

    def setUp(self) -> None:
        self.context = zmq.Context()
        info = self.front.manager.get_connection_info()
        self.sockets = {}
        for name in CHANNELS:
            kind = zmq.SUB if name == "iopub" else zmq.DEALER
            socket = self.context.socket(kind)
            socket.linger = int(GENEROUS * 1000)
            socket.connect(f"tcp://127.0.0.1:{info[name + '_port']}")
            self.sockets[name] = socket

    def tearDown(self) -> None:
        for socket in self.sockets.values():
            socket.close()
        self.context.term()  # all was sent
        self.assertEqual(self.front.run("1 + 1")[0]["status"], "ok")

    def send(self, frames: List[bytes]) -> None:
        for name in ("shell", "control", "stdin"):
            self.sockets[name].send_multipart(frames)

    def signed(self, *parts: bytes) -> List[bytes]:
        return [b"<IDS|MSG>", self.front.client.session.sign(parts), *parts]

    def message(self, code: str = "hit = true", **header: Any) -> List[bytes]:
        made = self.front.client.session.msg("execute_request", {"code": code})
        made["header"].update(header)
        return list(self.front.client.session.serialize(made))

    def silent(self) -> None:
        """Nothing of it was run, nor answered."""
        self.assertEqual(self.front.run("hit")[1][-1]["msg_type"], "execute_input")
        for name in ("shell", "control"):
            self.assertEqual(self.sockets[name].poll(0), 0)

    def test_frames_that_are_no_message_are_dropped(self) -> None:
        whole = self.message()
        for size in range(1, len(whole)):
            self.send(whole[:size])
            self.send(whole[size:])
        for frames in ([b""], [b"\\xff" * 1000], [b""] * 50, [b"<IDS|MSG>"] * 6,
                       [bytes([i]) for i in range(256)]):
            self.send(frames)
        self.silent()

    def test_without_its_signature_or_with_another_a_message_is_dropped(self) -> None:
        whole = self.message()
        right = whole[1]
        for wrong in (b"", right[:-1], right.upper(), right + b"0", b"0" * 64, b"\\0" * 64,
                      os.urandom(64)):
            self.send([whole[0], wrong, *whole[2:]])
        self.silent()

    def test_a_message_that_comes_again_runs_once(self) -> None:
        frames = self.message("again = (again or 0) + 1")
        for _ in range(5):
            self.sockets["shell"].send_multipart(frames)
        self.assertTrue(self.sockets["shell"].poll(GENEROUS * 1000))
        self.assertEqual(self.front.run("again")[1][-1]["content"]["data"]["text/plain"], "1")

    def test_signed_nonsense_is_dropped(self) -> None:
        header = json.dumps({"msg_id": "1", "msg_type": "execute_request"}).encode()
        deep = b'{"a":' * 100_000 + b"1" + b"}" * 100_000
        for parts in ((b"", b"", b"", b""), (b"[]", b"{}", b"{}", b"{}"),
                      (header, b"null", b"{}", b"{}"), (header, b"{}", b"{}", deep),
                      (header, deep, b"{}", b"{}"), (header, b"{}", b"{}", b"\\xff\\xfe"),
                      (b'{"msg_id": 1, "msg_type": "execute_request"}', b"{}", b"{}", b"{}"),
                      (b'{"msg_id": "1"}', b"{}", b"{}", b"{}")):
            self.send(self.signed(*parts))
        self.silent()

    def test_contents_that_are_not_as_they_should_be_are_answered(self) -> None:
        session = self.front.client.session
        for kind in ("execute", "complete", "inspect", "is_complete", "history", "kernel_info",
                     "comm_info"):
            for content in ({}, {"code": 7}, {"code": None, "cursor_pos": "x"},
                            {"code": "x", "cursor_pos": -5}, {"code": "x", "cursor_pos": 2**70},
                            {"hist_access_type": "tail", "n": -9}, {"user_expressions": [1]}):
                message = session.msg(kind + "_request", content)
                self.sockets["shell"].send_multipart(session.serialize(message))
                self.assertTrue(self.sockets["shell"].poll(GENEROUS * 1000), (kind, content))
                frames = self.sockets["shell"].recv_multipart()
                reply = json.loads(frames[2])
                self.assertEqual(reply["msg_type"], kind + "_reply")
                self.assertEqual(json.loads(frames[3])["msg_id"], message["header"]["msg_id"])

    def test_a_huge_message_is_served_or_dropped(self) -> None:
        self.send(self.signed(b"{}", b"{}", b"{}", b"{" + b" " * 50_000_000))
        reply = self.message("return #" + repr("x" * 20_000_000))
        self.sockets["shell"].send_multipart(reply)
        self.assertTrue(self.sockets["shell"].poll(GENEROUS * 1000))

    def test_heartbeats_come_back_as_they_were(self) -> None:
        for frames in ([b"ping"], [b""], [b"a", b"b", b"c"]):
            self.sockets["hb"].send_multipart(frames)
            self.assertEqual(self.sockets["hb"].recv_multipart(), frames)


if __name__ == "__main__":
    unittest.main()
