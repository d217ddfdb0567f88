"""Futures: those of concurrent.futures and of asyncio."""

import asyncio
import concurrent.futures
import contextlib
import io
import os
import signal
import sys
import threading
import time
import unittest

import oast
from support import GENEROUS, LuaTest, eventually


@contextlib.contextmanager
def told():
    """The exceptions that are told, as nobody can catch them."""
    reports, hook = [], sys.unraisablehook
    sys.unraisablehook = lambda report: reports.append(report.exc_value)
    try:
        yield reports
    finally:
        sys.unraisablehook = hook


def raise_(error):
    raise error


class Futures(LuaTest):
    def test_it_is_a_concurrent_future(self):
        future = self.w.remote_eval("return 1")
        self.assertIsInstance(future, concurrent.futures.Future)
        self.assertEqual(future.result(GENEROUS), 1)
        self.assertTrue(future.done())
        self.assertFalse(future.cancel())
        self.assertIsNone(future.exception())

    def test_waiting_for_several(self):
        futures = [self.w.remote_eval(f"return {i}") for i in range(100)]
        done, left = concurrent.futures.wait(futures, GENEROUS)
        self.assertEqual((len(done), len(left)), (100, 0))
        results = [f.result() for f in concurrent.futures.as_completed(futures)]
        self.assertEqual(sorted(results), list(range(100)))

    def test_result_waits_no_longer_than_asked(self):
        endless = self.w.remote_eval("while true do end")
        with self.assertRaises(concurrent.futures.TimeoutError):
            endless.result(0.02)
        self.assertFalse(endless.done())
        endless.cancel()

    def test_cancel_interrupts_what_runs(self):
        endless = self.start_running("while true do end")
        self.assertTrue(endless.cancel())
        self.assertTrue(endless.cancelled())
        self.assertTrue(endless.cancel())
        with self.assertRaises(concurrent.futures.CancelledError):
            endless.result()
        done, _ = concurrent.futures.wait([endless], GENEROUS)
        self.assertEqual(done, {endless})
        self.assertEqual(self.w.remote_eval_fetch("return 2"), 2)

    def test_cancel_prevents_what_is_queued(self):
        endless = self.start_running("while true do end")
        queued = self.w.remote_eval("ran = true")
        eventually(lambda: self.w.info().queued == 1, "it is queued")
        queued.cancel()
        eventually(lambda: self.w.info().queued == 0, "it is not queued any more")
        endless.cancel()
        self.assertIsNone(self.w.remote_eval_fetch("return ran"))

    def test_p1_takes_that_are_cancelled_lose_no_value(self):
        c = self.w.worker_channel("c = oast.channel(1) return c")
        self.w.remote_do("for i = 1, 500 do c:put(i) end")
        taken = []
        while len(taken) < 500:
            cancelled = c.take_async()
            if len(taken) % 3 == 0:
                time.sleep(0.0001)
            if not cancelled.cancel():
                taken.append(cancelled.result())
            if len(taken) < 500:
                taken.append(c.take(GENEROUS))
        self.assertEqual(sorted(taken), list(range(1, 501)))

    def test_cancel_wakes_who_waits(self):
        stopped = oast.Worker("lua")
        self.addCleanup(stopped.close)
        endless = self.start_running("while true do end", stopped)
        os.kill(stopped.info().pid, signal.SIGSTOP)  # so that it does not answer
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(endless.result)
            endless.cancel()
            self.assertIsInstance(waiting.exception(GENEROUS), concurrent.futures.CancelledError)
        os.kill(stopped.info().pid, signal.SIGCONT)

    def test_callbacks_may_use_the_worker(self):
        seen = concurrent.futures.Future()

        def ask_again(future):
            seen.set_result(self.w.remote_eval_fetch(f"return {future.result()} + 1"))

        self.w.remote_eval("return 41").add_done_callback(ask_again)
        self.assertEqual(seen.result(GENEROUS), 42)

    def test_a_result_that_cannot_be_read_is_an_exception(self):
        future = self.w.remote_eval("return {[{1}] = 1, [{{}}] = 2, [{a = {}}] = 3}")
        self.assertIsInstance(future.exception(GENEROUS), oast.InvalidError)

    def test_p10_it_ends_though_its_output_cannot_be_printed(self):
        class Broken(io.StringIO):
            def write(self, text):
                raise UnicodeEncodeError("ascii", text, 0, 1, "it takes no such text")

        with told() as reports, contextlib.redirect_stdout(Broken()):
            with oast.Worker("lua") as w:
                future = w.remote_eval("io.write('no newline') return 1")
                self.assertEqual(concurrent.futures.wait([future], GENEROUS).not_done, set())
                self.assertEqual(future.result(), 1)
                self.assertEqual(w.remote_eval_fetch("io.write('x') return 2"), 2)
                eventually(lambda: reports, "it is told")
        self.assertIsInstance(reports[0], UnicodeEncodeError)

    def test_p10_callbacks_that_raise_anything_end_nothing_but_themselves(self):
        for error in SystemExit, KeyboardInterrupt, GeneratorExit, BaseException:
            with told() as reports:
                future = self.start_running("while true do end")
                called = threading.Event()
                future.add_done_callback(lambda _, error=error: raise_(error()))
                future.add_done_callback(lambda _: called.set())
                self.w.interrupt()
                self.assertTrue(called.wait(GENEROUS))
                later = self.w.remote_eval("return 1")
                self.assertEqual(concurrent.futures.wait([later], GENEROUS).done, {later})
            self.assertEqual([type(e) for e in reports], [error], reports)

    def test_the_future_outlives_its_worker(self):
        w = oast.Worker("lua")
        endless = w.remote_eval("while true do end")
        w.kill()
        w.close()
        self.assertIsInstance(endless.exception(GENEROUS), oast.TerminatedWorkerException)


class Awaiting(LuaTest):
    def test_await_gives_the_value(self):
        async def main():
            values = await asyncio.gather(*(self.w.remote_eval(f"return {i}") for i in range(50)))
            self.assertEqual(values, list(range(50)))
            with self.assertRaises(oast.RemoteException):
                await self.w.remote_eval("error('boom')")

        asyncio.run(main())

    def test_cancelling_a_task_interrupts_its_request(self):
        endless = self.start_running("while true do end")

        async def main():
            with self.assertRaises(asyncio.TimeoutError):
                await asyncio.wait_for(endless, 0.05)

        asyncio.run(main())
        self.assertTrue(endless.cancelled())
        self.assertEqual(self.w.remote_eval_fetch("return 3"), 3)

    def test_the_loop_goes_on_meanwhile(self):
        async def main():
            c = self.w.worker_channel("c = oast.channel(1) return c")
            waiting = asyncio.ensure_future(self.take(c))
            await asyncio.sleep(0)
            await self.w.remote_eval("c:put('there')")
            return await asyncio.wait_for(waiting, GENEROUS)

        self.assertEqual(asyncio.run(main()), "there")

    @staticmethod
    async def take(channel):
        return await channel.take_async()

    def test_in_any_loop_of_any_thread(self):
        results = []

        def run(i):
            async def main():
                return await self.w.remote_eval(f"return {i}")

            results.append(asyncio.run(main()))

        threads = [threading.Thread(target=run, args=(i,)) for i in range(5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(sorted(results), list(range(5)))


if __name__ == "__main__":
    unittest.main()
