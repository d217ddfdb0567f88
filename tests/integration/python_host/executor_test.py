"""oast.Executor, with Python kernels."""

import concurrent.futures
import unittest

import oast
import tasks
from support import GENEROUS, PythonTest, exists, needs_cloudpickle, run_python

try:
    import numpy
except ImportError:
    numpy = None


class Executing(PythonTest):
    def executor(self, *args, **options):
        executor = oast.Executor(*args, broker=self.broker, **options)
        self.addCleanup(executor.shutdown)
        return executor

    def test_submit_and_map(self):
        executor = self.executor(2)
        self.assertEqual(executor.submit(tasks.add, 1, b=2, c=3).result(GENEROUS), 6)
        self.assertEqual(list(executor.map(tasks.square, range(50))), [n * n for n in range(50)])
        self.assertEqual(
            list(executor.map(tasks.add, range(50), range(50), chunksize=7, timeout=GENEROUS)),
            [n + n for n in range(50)],
        )
        with self.assertRaises(ValueError):
            executor.map(tasks.square, [], chunksize=0)

    def test_it_needs_no_daemon(self):
        with oast.Executor(1) as executor:
            self.assertEqual(executor.submit(tasks.square, 3).result(GENEROUS), 9)

    def test_results_keep_their_types(self):
        self.assertEqual(self.executor(1).submit(tasks.pair, 3).result(GENEROUS),
                         (3, {"n": (3,)}))
        self.assertEqual(self.executor(1).submit(pow, 7, 100).result(GENEROUS), 7**100)

    @needs_cloudpickle
    def test_functions_of_this_program(self):
        here = 5
        self.assertEqual(self.executor(1).submit(lambda x: x + here, 1).result(GENEROUS), 6)

    @unittest.skipIf(numpy is None, "numpy is not installed")
    def test_arrays_can_be_written_to(self):
        a = numpy.arange(100_000)
        got = self.executor(1).submit(tasks.take_after, a).result(GENEROUS)
        got += 1
        self.assertEqual((got[3], a[3]), (7, 3))

    def test_exceptions_are_the_originals(self):
        error = self.executor(1).submit(tasks.fail, "no good").exception(GENEROUS)
        self.assertIs(type(error), ValueError)
        self.assertEqual(error.args, ("no good",))
        self.assertIn("tasks.py", str(error.__cause__))

    def test_a_dead_worker_fails_its_own_task_and_is_replaced(self):
        executor = self.executor(2)
        others = [executor.submit(tasks.square, n) for n in range(5)]
        doomed = executor.submit(tasks.die, 3)
        others += [executor.submit(tasks.square, n) for n in range(5, 10)]
        error = doomed.exception(GENEROUS)
        self.assertIsInstance(error, oast.TerminatedWorkerException)
        self.assertIsInstance(error, concurrent.futures.BrokenExecutor)
        self.assertEqual(error.exit_code, 3)
        self.assertEqual([o.result(GENEROUS) for o in others], [n * n for n in range(10)])
        for _ in range(3):
            self.assertEqual(executor.submit(tasks.square, 2).result(GENEROUS), 4)

    def test_initializer_runs_once_in_each_worker(self):
        executor = self.executor(2, initializer=tasks.note_start, initargs=("here",))
        gate = [executor.submit(tasks.what_started) for _ in range(20)]
        self.assertEqual({tuple(g.result(GENEROUS)[0]) for g in gate}, {("here",)})

    def test_a_failing_initializer_breaks_it(self):
        executor = self.executor(1, initializer=tasks.stop_here, initargs=(1,))
        with self.assertLogs("concurrent.futures", "CRITICAL"):
            future = executor.submit(tasks.square, 2)
            self.assertIsInstance(future.exception(GENEROUS), concurrent.futures.BrokenExecutor)
        with self.assertRaises(concurrent.futures.BrokenExecutor):
            executor.submit(tasks.square, 2)

    def test_shutting_down_ends_the_workers(self):
        with oast.Executor(3, broker=self.broker) as executor:
            pids = {f.result(GENEROUS)[1] for f in
                    [executor.submit(tasks.what_started) for _ in range(9)]}
        for pid in pids:
            self.assertFalse(exists(pid))
        with self.assertRaises(RuntimeError):
            executor.submit(tasks.square, 2)

    def test_the_end_of_the_program_waits_for_tasks(self):
        code = """
import oast, sys, tasks
executor = oast.Executor(2, broker=oast.connect(sys.argv[1]))
future = executor.submit(tasks.what_started)
future.add_done_callback(lambda f: print("done", f.result()[1]))
"""
        ran = run_python(code, self.daemon.directory)
        self.assertEqual(ran.stderr, "")
        done, pid = ran.stdout.split()
        self.assertEqual(done, "done")
        self.assertFalse(exists(int(pid)))


if __name__ == "__main__":
    unittest.main()
