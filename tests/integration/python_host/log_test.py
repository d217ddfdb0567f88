"""What workers have said, read again."""

import asyncio
import threading
import time
import unittest

import oast
from support import GENEROUS, LuaTest, run_python


class Logs(LuaTest):
    def test_a_log_has_outputs_values_and_failures_in_order(self):
        self.w.remote_eval_fetch("print('one') return {1, 'x'}")
        with self.assertRaises(oast.RemoteException):
            self.w.remote_eval_fetch("error('boom')")
        first, second, third = self.w.log()
        self.assertEqual((first.number, first.kind, first.what.text), (1, "output", "one\n"))
        self.assertEqual((second.kind, second.what), ("value", [1, "x"]))
        self.assertEqual(third.kind, "failure")
        self.assertIsInstance(third.what, oast.RemoteException)
        self.assertEqual([r.number for r in self.w.log(from_=3)], [3])

    def test_a_request_is_found_by_its_number(self):
        first = self.w.remote_eval("print('one')")
        second = self.w.remote_eval("print('two')")
        first.result(GENEROUS), second.result(GENEROUS)
        records = list(self.w.log(request=second.request))
        self.assertEqual([r.request for r in records], [second.request] * 2)
        self.assertEqual(records[0].what.text, "two\n")
        self.assertEqual(records[0].host, second.host)

    def test_an_array_outlives_the_record_it_came_in(self):
        numpy = __import__("numpy")
        self.w.remote_call_fetch("tostring", 1)
        self.w.remote_eval_fetch("return ...", args=[numpy.arange(1000)])
        values = [r.what for r in self.w.log() if r.kind == "value"]
        self.assertEqual(int(values[-1].sum()), sum(range(1000)))

    def test_threads_share_a_log_and_each_record_is_read_once(self):
        for i in range(200):
            self.w.remote_eval_fetch("print('%d') return {%d, 'x'}" % (i, i))
        for _ in range(5):
            log, numbers = self.w.log(), []
            threads = [threading.Thread(target=lambda: numbers.extend(r.number for r in log))
                       for _ in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            self.assertEqual(sorted(numbers), list(range(1, 401)))

    def test_following_ends_with_the_worker(self):
        log = self.w.log(follow=True)
        self.w.remote_eval_fetch("print('x')")
        self.w.kill()
        self.assertEqual([r.kind for r in log], ["output", "value", "ended"])

    def test_async_iteration_leaves_the_loop_alone(self):
        async def main():
            turns = 0
            kinds = []

            async def follow():
                async for record in self.w.log(follow=True):
                    kinds.append(record.kind)

            following = asyncio.ensure_future(follow())
            while not kinds:
                if turns == 3:
                    self.w.remote_eval("print('x')")
                turns += 1
                await asyncio.sleep(0.01)
            self.w.remote_do("os.exit(3)")
            await asyncio.wait_for(following, GENEROUS)
            return turns, kinds

        turns, kinds = asyncio.run(main())
        self.assertGreater(turns, 3)
        self.assertEqual((kinds[0], kinds[-1]), ("output", "ended"))

    def test_closing_ends_a_next_of_another_thread(self):
        log = self.w.log(follow=True)
        ended = []
        thread = threading.Thread(target=lambda: ended.extend(log))
        thread.start()
        time.sleep(0.05)
        log.close()
        thread.join(GENEROUS)
        self.assertFalse(thread.is_alive())
        self.assertEqual(ended, [])

    def test_ctrl_c_ends_a_next_that_waits(self):
        ran = run_python("""
import os, signal, threading
import oast
with oast.Worker("lua") as w:
    log = w.log(follow=True)
    threading.Timer(0.5, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
    try:
        next(log)
    except KeyboardInterrupt:
        print("interrupted")
    w.remote_eval_fetch("return 1")
    print(next(log).kind)
""")
        self.assertEqual(ran.stdout, "interrupted\nvalue\n", ran.stderr)

    def test_no_such_log(self):
        with self.assertRaises(oast.NotFoundError):
            next(self.w.broker.log(987654321))


class Holds(LuaTest):
    def test_output_that_is_held_holds_back_who_prints(self):
        seen, holds = [], []

        def on_output(output):
            seen.append(len(output.raw))
            if holds is not None:
                holds.append(oast.hold_output())

        with oast.Worker("lua", on_output=on_output) as w:
            flood = w.remote_eval("for i = 1, 16384 do io.write(('x'):rep(1023), '\\n') end")
            deadline = time.monotonic() + GENEROUS
            while sum(seen) < 2 << 20 and time.monotonic() < deadline:
                time.sleep(0.01)
            for _ in range(500):
                self.w.remote_eval_fetch("return 1")
            self.assertLess(sum(seen), 8 << 20)
            self.assertFalse(flood.done())
            held, holds = holds, None
            held.clear()
            flood.result(GENEROUS)
            self.assertEqual(sum(seen), 16 << 20)

    def test_who_has_done_with_little_does_not_hold_back_others(self):
        with self.w.broker.attach(self.w) as other:
            other.remote_eval_fetch("return 1")
            code = "for i = 1, 16384 do io.write(('x'):rep(1023), '\\n') end"
            self.w.remote_eval(code).result(GENEROUS)
        self.assertEqual(len(self.text), 16 << 20)


class Bytes(LuaTest):
    def test_what_is_no_text_comes_as_it_was_written(self):
        self.w.remote_eval_wait("io.write('a\\0\\xffb')")
        self.assertEqual(b"".join(o.raw for o in self.outputs), b"a\0\xffb")
        self.assertEqual(self.text, "a\0\\xffb")

    def test_a_deadline_ends_a_future(self):
        with self.assertRaises(oast.TimeoutError):
            self.w.remote_eval("while true do end", timeout=0.2).result(GENEROUS)


if __name__ == "__main__":
    unittest.main()
