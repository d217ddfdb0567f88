#!/usr/bin/env python3
"""oast.Executor passes the standard library's own tests of executors: Python 3.11's
test.test_concurrent_futures, apart from what NOT_APPLICABLE says. Exits with 77 where that is not
installed."""

import sys
import unittest
import warnings

sys.path.insert(0, __file__.rsplit("/", 2)[0] + "/integration/python_host")
warnings.simplefilter("ignore", ResourceWarning)

try:
    from test import test_concurrent_futures as standard
except ImportError as error:
    print("the tests of the standard library are not installed:", error)
    sys.exit(77)

import oast
from support import Daemon

NOT_APPLICABLE = {
    "test_interpreter_shutdown": "its program names an executor of concurrent.futures; see "
    "executor_test, test_the_end_of_the_program_waits_for_tasks",
    "test_submit_after_interpreter_shutdown": "the same",
    "test_hang_gh83386": "the same",
    "test_processes_terminate": "looks at multiprocessing's processes; see executor_test, "
    "test_shutting_down_ends_the_workers",
    "test_context_manager_shutdown": "makes a ProcessPoolExecutor",
    "test_del_shutdown": "makes a ProcessPoolExecutor",
    "test_shutdown_no_wait": "makes a ProcessPoolExecutor",
    "test_max_workers_too_large": "a limit of Windows",
    "test_killed_child": "there a death breaks the executor, here only one task; see "
    "executor_test, test_a_dead_worker_fails_its_own_task_and_is_replaced",
    "test_traceback": "wants a private class for the cause; see executor_test, "
    "test_exceptions_are_the_originals",
    "test_ressources_gced_in_workers": "passes a multiprocessing.Manager, whose connections need "
    "the parent's secret",
    "test_saturation": "passes a multiprocessing.Semaphore, which is inherited and not sent",
    "test_idle_process_reuse_one": "looks at multiprocessing's processes",
    "test_idle_process_reuse_multiple": "the same",
    "test_max_tasks_per_child": "there is no max_tasks_per_child",
    "test_max_tasks_per_child_defaults_to_spawn_context": "the same",
    "test_max_tasks_early_shutdown": "the same",
}


class Executor(oast.Executor):
    """With workers of the test's own broker."""

    broker: oast.Broker

    def __init__(self, *args, **options):
        super().__init__(*args, broker=self.broker, **options)


class Mixin(standard.ExecutorMixin):
    executor_type = Executor


CASES = [
    type("Oast" + case.__name__, (Mixin, case, standard.BaseTestCase), {"__module__": __name__})
    for case in (
        standard.ProcessPoolShutdownTest,
        standard.ProcessPoolExecutorTest,
        standard.WaitTests,
        standard.AsCompletedTests,
        standard.InitializerMixin,
        standard.FailingInitializerMixin,
    )
]


def suite():
    tests = unittest.TestSuite()
    for case in CASES:
        for name in unittest.defaultTestLoader.getTestCaseNames(case):
            if name not in NOT_APPLICABLE:
                tests.addTest(case(name))
    return tests


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
