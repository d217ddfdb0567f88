"""Brokers: embedded, and daemons."""

import concurrent.futures
import signal
import sys
import unittest

import oast
from support import GENEROUS, Daemon, eventually, exists, run_python


class Daemons(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.daemon = Daemon()

    @classmethod
    def tearDownClass(cls):
        cls.daemon.close()

    def test_kernels_are_listed_found_and_ended(self):
        with oast.connect(self.daemon.directory) as broker:
            self.assertTrue(broker.connected)
            self.assertEqual(broker.directory, self.daemon.directory)
            w = broker.start("lua", name="kiln", monitor_stdout=False)
            self.assertEqual((w.name, w.broker), ("kiln", broker))
            [info] = [k for k in broker.list() if k.name == "kiln"]
            self.assertEqual((info.id, info.spec, info.death), (w.id, "lua", None))
            self.assertEqual(broker.find("kiln").id, w.id)
            self.assertEqual(broker.find(w.id).pid, info.pid)
            with self.assertRaises(oast.InvalidError):
                broker.start("lua", name="kiln")
            self.assertEqual(broker.interrupt(w), "nothing_running")
            death = broker.stop("kiln")
            self.assertEqual((death.exit_code, death.cause), (0, "stopped"))
            with self.assertRaises(oast.NotFoundError):
                broker.find("nobody")

    def test_the_dead_are_found_for_a_while(self):
        with oast.connect(self.daemon.directory) as broker:
            w = broker.start("lua")
            w.kill()
            w.close()
            for found in broker.find(w), broker.find(w.id):
                self.assertEqual((found.id, found.name, found.state), (w.id, w.name, "dead"))
                self.assertEqual(found.death.signal, signal.SIGKILL)
            self.assertEqual(w.death.signal, signal.SIGKILL)
            with self.assertRaises(oast.NotFoundError):  # its name may be another's by now
                broker.find(w.name)
            with self.assertRaises(oast.TerminatedWorkerException) as caught:
                broker.attach(w)
            self.assertEqual(caught.exception.signal, signal.SIGKILL)

    def test_specs_say_what_can_start(self):
        with oast.connect(self.daemon.directory) as broker:
            [lua] = [s for s in broker.specs() if s.name == "lua"]
            self.assertEqual((lua.language, lua.problem), ("lua", ""))

    def test_attached_workers_share_a_kernel_and_leave_it_alone(self):
        with oast.connect(self.daemon.directory) as ours, oast.connect(
            self.daemon.directory
        ) as theirs:
            w = ours.start("lua")
            other = theirs.attach(w.id)
            other.remote_eval_wait("x = 5")
            other.close()
            self.assertEqual(w.remote_eval_fetch("return x"), 5)
            death = theirs.kill(w.name)
            self.assertEqual(death.signal, signal.SIGKILL)
            with self.assertRaises(oast.TerminatedWorkerException):
                w.remote_eval_fetch("return x")
            w.close()

    def test_a_detached_kernel_outlives_its_host(self):
        ran = run_python(f"""
import oast
w = oast.connect({self.daemon.directory!r}).start("lua", name="stays", detach=True)
w.remote_eval_wait("x = 1")
o = oast.connect({self.daemon.directory!r}).start("lua", name="goes")
print(w.info().pid, o.info().pid)
""")
        self.assertEqual(ran.stderr, "")
        stays, goes = map(int, ran.stdout.split())
        with oast.connect(self.daemon.directory) as broker:
            eventually(lambda: not exists(goes), "the other ended with its host")
            self.assertTrue(exists(stays))
            w = broker.attach("stays")
            self.assertEqual(w.remote_eval_fetch("return x"), 1)
            broker.signal(w, signal.SIGKILL)
            eventually(lambda: not w.isrunning(), "it ended")
            w.close()

    def test_the_request_of_another_host_is_interrupted_by_its_number(self):
        with oast.connect(self.daemon.directory) as ours, oast.connect(
            self.daemon.directory
        ) as theirs:
            w = ours.start("lua")
            running = w.worker_channel("running = oast.channel(1) return running")
            busy = w.remote_eval("running:put(1) while true do end")
            running.take(GENEROUS)
            info = theirs.find(w.name)
            self.assertEqual(info.request_host, info.owner)
            self.assertEqual(theirs.interrupt(w.name, info.request), "already_finished")
            self.assertEqual(
                theirs.interrupt(w.name, info.request, host=info.request_host), "interrupted"
            )
            self.assertIsInstance(busy.exception(GENEROUS), oast.Interrupted)
            self.assertIsNone(theirs.find(w.name).request_host)
            w.close()

    def test_watching_tells_of_deaths(self):
        dead = concurrent.futures.Future()

        def on_event(change, kernel):
            if change == "state" and kernel.state == "dead" and kernel.name == "watched":
                dead.set_result(kernel.death)

        with oast.connect(self.daemon.directory) as broker, broker.watch(on_event):
            broker.start("lua", name="watched").kill()
            self.assertEqual(dead.result(GENEROUS).signal, signal.SIGKILL)

    def test_a_worker_keeps_its_connection(self):
        broker = oast.connect(self.daemon.directory)
        w = oast.Worker("lua", broker=broker)
        broker.close()
        self.assertEqual(w.remote_eval_fetch("return 1"), 1)
        w.close()
        with self.assertRaises(oast.Error):
            broker.list()


class Missing(unittest.TestCase):
    def test_no_broker_says_so(self):
        with self.assertRaises(oast.NotFoundError) as caught:
            oast.connect("/nowhere/at/all")
        self.assertIn("oast broker", str(caught.exception))

    def test_a_dead_daemon_disconnects(self):
        daemon = Daemon()
        broker = oast.connect(daemon.directory)
        w = broker.start("lua")
        endless = w.remote_eval("while true do end")
        daemon.close()
        # It stops its kernels first, which interrupts what they run.
        kinds = ("disconnected", "interrupted", "kernel_died")
        self.assertIn(endless.exception(GENEROUS).kind, kinds)
        eventually(lambda: not broker.connected, "it is noticed")
        self.assertFalse(w.isrunning())
        w.close()
        broker.close()


class Default(unittest.TestCase):
    def test_workers_share_the_embedded_one(self):
        with oast.Worker("lua") as a, oast.Worker("lua") as b:
            self.assertIs(a.broker, b.broker)
            self.assertEqual({a.id, b.id} - {k.id for k in a.broker.list()}, set())

    def test_env_and_cwd_reach_the_kernel(self):
        with oast.Worker("lua", env={"KILN": "hot", "ÄÖ": "ü"}, cwd="/usr") as w:
            got = w.remote_eval_fetch("return {os.getenv('KILN'), os.getenv('ÄÖ')}")
            self.assertEqual(got, ["hot", "ü"])
            self.assertIsNone(w.remote_eval_fetch("return os.getenv('OAST_LIBRARY')"))

    def test_python_is_the_spec_of_choice(self):
        with oast.Worker(exename=sys.executable, exeflags=["-X", "oast=hot"]) as w:
            got = w.remote_eval_fetch("import sys\n[sys.executable, sys._xoptions['oast']]")
            self.assertEqual(got, [sys.executable, "hot"])
            [python] = [s for s in w.broker.specs() if s.name == "python"]
            self.assertIn("native:pickle5", python.features)


if __name__ == "__main__":
    unittest.main()
