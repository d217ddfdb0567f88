"""Subshells: cells that run beside the one of the main shell (JEP 91)."""

import os
import signal
import unittest
from typing import Any, Dict, List

from support import GENEROUS, SCRATCH, Frontend, TestCase, eventually, kinds


class Subshells(Frontend):
    def control(self, kind: str, **content: Any) -> Dict[str, Any]:
        message = self.client.session.msg(kind, content)
        self.client.control_channel.send(message)
        reply = self.client.get_control_msg(timeout=GENEROUS)
        assert reply["parent_header"]["msg_id"] == message["header"]["msg_id"], reply
        assert reply["msg_type"] == kind.replace("request", "reply"), reply
        return dict(reply["content"])

    def create(self) -> str:
        return str(self.control("create_subshell_request")["subshell_id"])

    def send(self, subshell: str, code: str, **options: Any) -> str:
        content = {"code": code, "silent": False, "store_history": True, "user_expressions": {},
                   "allow_stdin": True, "stop_on_error": True, **options}
        message = self.client.session.msg("execute_request", content)
        message["header"]["subshell_id"] = subshell
        self.client.shell_channel.send(message)
        return str(message["header"]["msg_id"])

    def replies(self, *requests: str) -> List[Dict[str, Any]]:
        """Of these requests, in whatever order they come."""
        found: Dict[str, Dict[str, Any]] = {}
        while not all(request in found for request in requests):
            reply = self.shell()
            found[reply["parent_header"]["msg_id"]] = reply["content"]
        return [found[request] for request in requests]


class SubshellsTest(TestCase):
    front: Subshells

    def setUp(self) -> None:
        self.front = Subshells("python")
        self.addCleanup(self.front.close)

    def test_they_are_offered_made_listed_and_deleted(self) -> None:
        front = self.front
        front.client.kernel_info()
        self.assertEqual(front.shell()["content"]["supported_features"], ["kernel subshells"])
        self.assertEqual(front.control("list_subshell_request")["subshell_id"], [])
        one, two = front.create(), front.create()
        self.assertEqual(set(front.control("list_subshell_request")["subshell_id"]), {one, two})
        self.assertEqual(front.control("delete_subshell_request", subshell_id=one)["status"], "ok")
        self.assertEqual(front.control("list_subshell_request")["subshell_id"], [two])
        gone = front.control("delete_subshell_request", subshell_id=one)
        self.assertEqual((gone["status"], gone["ename"]), ("error", "SubshellNotFound"))
        reply, = front.replies(front.send(one, "1"))
        self.assertEqual((reply["status"], reply["ename"]), ("error", "SubshellNotFound"))

    def test_a_cell_runs_beside_a_long_one_with_its_own_count_and_output(self) -> None:
        front, go = self.front, SCRATCH / "go-subshell"
        subshell = front.create()
        front.text("x = 20")
        long = front.send("", f"import os, time\nwhile not os.path.exists({str(go)!r}): time.sleep(0.01)\n"
                              "print('long')")
        beside = front.send(subshell, "print('beside'); x + 1")
        outputs = front.outputs(beside)
        self.assertEqual(kinds(outputs), ["execute_input", "stream", "execute_result"])
        self.assertEqual(outputs[1]["content"]["text"], "beside\n")
        self.assertEqual(outputs[2]["content"]["data"]["text/plain"], "21")
        self.assertEqual(front.replies(beside)[0]["execution_count"], 1)
        go.touch()
        self.assertEqual([o["content"].get("text") for o in front.outputs(long)][-1], "long\n")
        self.assertEqual(front.replies(long)[0]["execution_count"], 2)

    def test_a_failure_aborts_what_waits_in_its_own_shell_alone(self) -> None:
        front, go = self.front, SCRATCH / "go-failure"
        subshell = front.create()
        requests = [front.send(subshell, f"import os, time\nwhile not os.path.exists({str(go)!r}): "
                                         "time.sleep(0.01)\n1/0"),
                    front.send(subshell, "'waits'")]
        main, = front.replies(front.send("", "'main'"))  # sent after them on the same channel
        go.touch()
        failed, aborted = front.replies(*requests)
        self.assertEqual([r["status"] for r in (failed, aborted, main)], ["error", "aborted", "ok"])

    def test_the_main_shell_waits_for_input_while_others_run_and_they_have_none(self) -> None:
        front = self.front
        subshell = front.create()
        main = front.send("", "'main ' + input('m')")
        asked = front.client.get_stdin_msg(timeout=GENEROUS)
        refused, = front.replies(front.send(subshell, "input('s')"))
        self.assertEqual((refused["status"], refused["ename"]), ("error", "RuntimeError"))
        self.assertIn("main thread", refused["evalue"])
        front.client.stdin_channel.send(front.client.session.msg(
            "input_reply", {"value": "M"}, parent=asked["header"]))
        self.assertEqual(front.outputs(main)[-1]["content"]["data"]["text/plain"], "'main M'")

    def test_an_interrupt_ends_what_runs_in_all_and_a_deleted_one_ends(self) -> None:
        front = self.front
        subshell, deleted = front.create(), front.create()
        loop = "print('on', flush=True)\nwhile True: pass"
        requests = [front.send(shell, loop) for shell in ("", subshell, deleted)]
        on = 0
        while on < 3:
            on += front.iopub()["msg_type"] == "stream"
        waiting = front.send(deleted, "1")
        front.control("delete_subshell_request", subshell_id=deleted)
        ended, aborted = front.replies(requests[2], waiting)
        self.assertEqual(ended["ename"], "KeyboardInterrupt")
        self.assertIn(aborted["status"], ("aborted", "error"))  # the channels have no common order
        front.interrupt()
        self.assertEqual([r["ename"] for r in front.replies(*requests[:2])], ["KeyboardInterrupt"] * 2)
        self.assertEqual(front.replies(front.send(subshell, "1"))[0]["status"], "ok")

    def test_a_death_is_told_in_every_shell_that_runs_something(self) -> None:
        front = self.front
        subshell = front.create()
        pid = int(front.text("import os; print(os.getpid())"))
        requests = [front.send(shell, "print('on', flush=True)\nwhile True: pass")
                    for shell in ("", subshell)]
        on = 0
        while on < 2:
            on += front.iopub()["msg_type"] == "stream"
        os.kill(pid, signal.SIGKILL)
        self.assertEqual([r["ename"] for r in front.replies(*requests)], ["KernelDied"] * 2)
        eventually(lambda: front.manager.provisioner.process.poll() == 3, "the bridge has ended")


class NoSubshellsTest(TestCase):
    def test_a_kernel_that_runs_one_cell_at_a_time_says_so(self) -> None:
        front = Subshells("lua")
        self.addCleanup(front.close)
        front.client.kernel_info()
        self.assertEqual(front.shell()["content"]["supported_features"], [])
        refused = front.control("create_subshell_request")
        self.assertEqual((refused["status"], refused["ename"]), ("error", "NotImplementedError"))
        self.assertIn("lua", refused["evalue"])


if __name__ == "__main__":
    unittest.main()
