"""Comms: widgets here and in the frontend that send each other messages."""

import unittest
from typing import Any, Dict, List, Optional

from kit import has
from support import SCRATCH, Frontend, TestCase, kinds

LISTEN = """
import sys
from {module} import {manager}
opened = []
def target(comm, message):
    opened.append(comm)
    print('opened with', message['content']['data'])
    @comm.on_msg
    def _(message):
        data, buffers = message['content']['data'], message['buffers']
        print('got', data, [bytes(b) for b in buffers])
        comm.send({{'echo': data}}, metadata={{'m': 1}}, buffers=[b'\\x00\\xff', *buffers])
    comm.on_close(lambda message: print('closed with', message['content']['data']))
manager = {make}
manager.register_target('echo', target)
"""


class Comms(TestCase):
    """Of one kernel."""

    spec = ""
    listen = LISTEN
    front: Frontend

    @classmethod
    def setUpClass(cls) -> None:
        if not cls.spec:
            raise unittest.SkipTest("the cases are in the classes below")
        cls.front = Frontend(cls.spec)

    @classmethod
    def tearDownClass(cls) -> None:
        if cls.spec:
            cls.front.close()

    def say(self, kind: str, content: Dict[str, Any], buffers: Optional[List[bytes]] = None) -> str:
        session = self.front.client.session
        message = session.msg(kind, content)
        session.send(self.front.client.shell_channel.socket, message, buffers=buffers)
        return str(message["header"]["msg_id"])

    def told(self, kind: str, content: Dict[str, Any],
             buffers: Optional[List[bytes]] = None) -> List[Dict[str, Any]]:
        return self.front.outputs(self.say(kind, content, buffers))

    def comms(self, target: Optional[str] = None) -> Dict[str, Any]:
        self.front.client.comm_info(target)
        return dict(self.front.shell()["content"]["comms"])

    def test_a_comm_that_the_frontend_opens_sends_receives_and_closes(self) -> None:
        self.front.text(self.listen)
        opened = self.told("comm_open", {"comm_id": "c1", "target_name": "echo", "data": {"a": 1}})
        self.assertEqual([o["content"]["text"] for o in opened], ["opened with {'a': 1}\n"])
        self.assertEqual(self.comms(), {"c1": {"target_name": "echo"}})
        self.assertEqual(self.comms("other"), {})
        got = self.told("comm_msg", {"comm_id": "c1", "data": {"b": [1, None]}}, [b"\x01\xfe"])
        self.assertEqual(kinds(got), ["stream", "comm_msg"])
        self.assertEqual(got[0]["content"]["text"], "got {'b': [1, None]} [b'\\x01\\xfe']\n")
        self.assertEqual(got[1]["content"], {"comm_id": "c1", "data": {"echo": {"b": [1, None]}}})
        self.assertEqual(got[1]["metadata"], {"m": 1})
        self.assertEqual([bytes(b) for b in got[1]["buffers"]], [b"\x00\xff", b"\x01\xfe"])
        closed = self.told("comm_close", {"comm_id": "c1", "data": {"c": 1}})
        self.assertEqual([o["content"]["text"] for o in closed], ["closed with {'c': 1}\n"])
        self.assertEqual(self.comms(), {})

    def test_a_comm_of_the_kernel_opens_the_other_side_and_closes_it(self) -> None:
        self.front.text(self.listen)
        reply, outputs = self.front.run(
            "from ipykernel.comm import Comm\n"
            "mine = Comm(target_name='mine', data={'x': 1}, buffers=[b'\\x80'])\n"
            "mine.send({'y': 2})")
        self.assertEqual(reply["status"], "ok")
        self.assertEqual(kinds(outputs), ["execute_input", "comm_open", "comm_msg"])
        content = outputs[1]["content"]
        self.assertEqual((content["target_name"], content["data"]), ("mine", {"x": 1}))
        self.assertEqual([bytes(b) for b in outputs[1]["buffers"]], [b"\x80"])
        self.assertEqual(self.comms("mine"), {content["comm_id"]: {"target_name": "mine"}})
        self.assertEqual(kinds(self.front.run("mine.close()")[1]), ["execute_input", "comm_close"])
        self.assertEqual(self.comms("mine"), {})

    def test_data_becomes_json_that_every_reader_takes(self) -> None:
        reply, outputs = self.front.run(
            "from fractions import Fraction\nfrom ipykernel.comm import Comm\n"
            "c = Comm(target_name='json', data={'nan': float('nan'), 'deep': [{'inf': float('-inf')}],\n"
            "    'set': {1}, 'bytes': b'ab', 'half': Fraction(1, 2), 'type': object, 'x': 1.5})\n"
            "c.close()")
        self.assertEqual(reply["status"], "ok", reply)
        self.assertEqual(outputs[1]["content"]["data"],
                         {"nan": "nan", "deep": [{"inf": "-inf"}], "set": [1], "bytes": "YWI=",
                          "half": 0.5, "type": "<class 'object'>", "x": 1.5})

    def test_a_comm_of_a_target_that_nobody_knows_is_closed_at_once(self) -> None:
        outputs = self.told("comm_open", {"comm_id": "u", "target_name": "nobody", "data": {}})
        self.assertEqual(kinds(outputs), ["comm_close"])
        self.assertEqual(outputs[0]["content"]["comm_id"], "u")
        self.assertEqual(self.comms(), {})
        self.assertEqual(self.told("comm_msg", {"comm_id": "u", "data": {}}), [])

    def test_messages_wait_for_the_cell_before_them_and_a_failure_does_not_lose_them(self) -> None:
        self.front.text(self.listen)
        self.told("comm_open", {"comm_id": "q", "target_name": "echo", "data": {}})
        go = SCRATCH / f"go-comm-{self.spec}"
        failing = self.front.client.execute(
            f"import os, time\nwhile not os.path.exists({str(go)!r}): time.sleep(0.01)\n"
            "print('cell'); 1/0")
        message = self.say("comm_msg", {"comm_id": "q", "data": {"n": 1}})
        self.front.client.execute("print('aborted')")
        self.front.client.kernel_info()  # answered at once: what was sent before it is there
        self.assertEqual(self.front.shell()["msg_type"], "kernel_info_reply")
        go.touch()
        self.assertEqual(kinds(self.front.outputs(failing)), ["execute_input", "stream", "error"])
        self.assertEqual(self.front.shell()["content"]["status"], "error")
        self.assertEqual(self.front.shell()["content"]["status"], "aborted")
        self.assertEqual(kinds(self.front.outputs(message)), ["stream", "comm_msg"])
        self.told("comm_close", {"comm_id": "q", "data": {}})

    def test_what_a_callback_raises_is_shown_and_the_next_message_is_served(self) -> None:
        self.front.text(self.listen)
        self.told("comm_open", {"comm_id": "e", "target_name": "echo", "data": {}})
        self.front.text("opened[-1].on_msg(lambda message: 1/0)")
        outputs = self.told("comm_msg", {"comm_id": "e", "data": {}})
        self.assertEqual(kinds(outputs), ["stream"])
        self.assertEqual(outputs[0]["content"]["name"], "stderr")
        self.assertIn("ZeroDivisionError", outputs[0]["content"]["text"])
        self.front.text("opened[-1].on_msg(lambda message: print('served'))")
        self.assertEqual(self.told("comm_msg", {"comm_id": "e", "data": {}})[0]["content"]["text"],
                         "served\n")
        self.told("comm_close", {"comm_id": "e", "data": {}})


@unittest.skipUnless(has("ipykernel"), "there is no ipykernel, whose name it takes")
class IPythonTest(Comms):
    spec = "ipython"
    listen = LISTEN.format(module="IPython", manager="get_ipython",
                           make="get_ipython().kernel.comm_manager")

    @unittest.skipUnless(has("ipywidgets"), "there is no ipywidgets")
    def test_a_slider_that_is_moved_calls_what_observes_it(self) -> None:
        reply, outputs = self.front.run(
            "import ipywidgets as w\n"
            "s = w.IntSlider(value=3)\n"
            "s.observe(lambda change: print('moved to', change['new']), 'value')\n"
            "s")
        self.assertEqual(reply["status"], "ok", reply)
        models = [o["content"] for o in outputs if o["msg_type"] == "comm_open"]
        slider = next(m for m in models if m["data"].get("state", m["data"]).get("value") == 3)
        shown = next(o["content"]["data"] for o in outputs if "data" in o["content"]
                     and "application/vnd.jupyter.widget-view+json" in o["content"]["data"])
        self.assertEqual(shown["application/vnd.jupyter.widget-view+json"]["model_id"],
                         slider["comm_id"])
        moved = self.told("comm_msg", {"comm_id": slider["comm_id"], "data": {
            "method": "backbone", "sync_data": {"value": 7}}})
        self.assertIn("moved to 7\n", [o["content"].get("text") for o in moved])
        self.assertEqual(self.front.text("print(s.value)"), "7\n")

    @unittest.skipUnless(has("ipywidgets"), "there is no ipywidgets")
    def test_a_widget_that_takes_output_names_the_cell_whose_output_it_is(self) -> None:
        self.front.text("import ipywidgets as w; out = w.Output()")
        request = self.front.client.execute("with out: print('taken')")
        outputs = self.front.outputs(request)
        self.assertEqual(self.front.shell()["content"]["status"], "ok")
        named = [o["content"]["data"]["state"]["msg_id"] for o in outputs
                 if o["msg_type"] == "comm_msg"]
        self.assertEqual(named, [request, ""])


@unittest.skipUnless(has("ipykernel"), "there is no ipykernel, whose name it takes")
class PythonTest(Comms):
    spec = "python"
    listen = LISTEN.format(module="ipykernel.comm", manager="CommManager",
                           make="__import__('oast_kernel.comms').comms.manager")


class LuaTest(TestCase):
    def test_a_kernel_without_comms_closes_them_at_once(self) -> None:
        front = Frontend("lua")
        try:
            session = front.client.session
            message = session.msg("comm_open", {"comm_id": "l", "target_name": "t", "data": {}})
            front.client.shell_channel.send(message)
            self.assertEqual(kinds(front.outputs(message["header"]["msg_id"])), ["comm_close"])
        finally:
            front.close()


if __name__ == "__main__":
    unittest.main()
