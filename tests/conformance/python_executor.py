#!/usr/bin/env python3
"""oast.Executor passes the standard library's own tests of executors: Python 3.11's
test.test_concurrent_futures, apart from what CASES says. Exits with 77 where that is not installed.

Of what is tested for threads and for processes alike, the tests for threads are taken where those
for processes look at multiprocessing's own parts."""

import pathlib
import sys
import unittest
import unittest.mock
import warnings
from pickle import UnpicklingError

HERE = pathlib.Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "integration" / "python_host"))
warnings.simplefilter("ignore", ResourceWarning)

try:
    from test import test_concurrent_futures as standard
    from test.support.script_helper import assert_python_ok
except ImportError as error:
    print("the tests of the standard library are not installed:", error)
    sys.exit(77)

import oast
from oast.executor import BrokenWorker, RemoteTraceback
from support import Daemon


class Executor(oast.Executor):
    """With workers of the test's own broker."""

    broker: oast.Broker

    def __init__(self, *args, mp_context=None, **options):
        super().__init__(*args, broker=self.broker, **options)


class Printing(oast.Executor):
    """In programs of their own: what tasks print appears without the worker's name."""

    def __init__(self, *args, **options):
        super().__init__(*args, exename=sys.executable, on_output=self._print, **options)

    @staticmethod
    def _print(output):
        sys.stdout.write(output.text)
        sys.stdout.flush()


def run_program(*arguments):
    """assert_python_ok, with our executor in the program."""
    *options, program = arguments
    for name in ("ThreadPoolExecutor", "Executor"):
        program = program.replace(
            f"from concurrent.futures import {name}\n",
            f"from python_executor import Printing as {name}\n",
        )
    path = ":".join([str(HERE), *sys.path[1:]])
    return assert_python_ok(*options, program, PYTHONPATH=path)


class Mixin(standard.ExecutorMixin):
    executor_type = Executor

    def setUp(self):
        for where, what, ours in (
            (standard.futures, "ThreadPoolExecutor", Executor),
            (standard.futures.process, "_RemoteTraceback", RemoteTraceback),
            (standard, "BrokenProcessPool", BrokenWorker),
            (standard, "assert_python_ok", run_program),
        ):
            patch = unittest.mock.patch.object(where, what, ours)
            patch.start()
            self.addCleanup(patch.stop)
        super().setUp()

    def get_context(self):
        return None


class ProcessPoolExecutorTest(standard.ProcessPoolExecutorTest):
    # By a class that workers can import.
    _test_traceback = standard.ProcessPoolExecutorTest._test_traceback


class DeadlockTest(standard.ExecutorDeadlockTest):
    """What breaks a ProcessPoolExecutor because it cannot be read is here the task's exception."""

    WHAT_IS_RAISED = {
        "test_exit_at_task_unpickle": SystemExit,
        "test_error_at_task_unpickle": UnpicklingError,
        "test_error_during_result_unpickle_in_result_handler": UnpicklingError,
        "test_exit_during_result_unpickle_in_result_handler": SystemExit,
    }

    def _check_crash(self, error, func, *args, ignore_stderr=False):
        error = self.WHAT_IS_RAISED.get(self._testMethodName, error)
        super()._check_crash(error, func, *args, ignore_stderr=ignore_stderr)


# Which tests, and which of them do not apply.
CASES = {
    standard.ThreadPoolShutdownTest: {
        "test_threads_terminate": "passes a threading.Semaphore, which cannot be sent",
        "test_thread_names_assigned": "about the names of threads",
        "test_thread_names_default": "the same",
    },
    ProcessPoolExecutorTest: {
        "test_max_workers_too_large": "a limit of Windows",
        "test_killed_child": "there a death breaks the executor, here only one task; see "
        "executor_test, test_a_dead_worker_fails_its_own_task_and_is_replaced",
        "test_ressources_gced_in_workers": "passes a multiprocessing.Manager, whose connections "
        "need the parent's secret",
        "test_saturation": "passes a multiprocessing.Semaphore, which is inherited and not sent",
        "test_idle_process_reuse_one": "looks at multiprocessing's processes",
        "test_idle_process_reuse_multiple": "the same",
        "test_max_tasks_per_child": "there is no max_tasks_per_child",
        "test_max_tasks_per_child_defaults_to_spawn_context": "the same",
        "test_max_tasks_early_shutdown": "the same",
    },
    standard.WaitTests: {},
    standard.AsCompletedTests: {},
    standard.InitializerMixin: {},
    standard.FailingInitializerMixin: {},
    DeadlockTest: {
        "test_shutdown_deadlock_pickle": "looks at a private thread of ProcessPoolExecutor",
    },
}


def tests_of(case, not_applicable):
    ours = type("Oast" + case.__name__, (Mixin, case, standard.BaseTestCase),
                {"__module__": __name__})
    names = unittest.defaultTestLoader.getTestCaseNames(ours)
    unknown = not_applicable.keys() - set(names)
    if unknown:
        raise SystemExit(f"{case.__name__} has no {', '.join(sorted(unknown))}")
    return [ours(name) for name in names if name not in not_applicable]


def suite():
    return unittest.TestSuite(
        test for case, not_applicable in CASES.items() for test in tests_of(case, not_applicable)
    )


def main():
    with Daemon() as daemon, oast.connect(daemon.directory) as broker:
        Executor.broker = broker
        # BaseTestCase counts threads: that of oast's futures is there before and after.
        with broker.start("lua") as w:
            w.remote_eval("return 1").result()
        standard.setUpModule()
        try:
            result = unittest.TextTestRunner(verbosity=1).run(suite())
        finally:
            unittest.doModuleCleanups()
    return 0 if result.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main())
