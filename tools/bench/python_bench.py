#!/usr/bin/env python3
"""What oast costs a Python program, beside ProcessPoolExecutor and execnet, in the same run.

    python_bench.py [--json] [--quick] [--oast-bench PROGRAM]

Everybody has one worker process and takes turns in each round; figures are medians over the rounds,
so that what else the machine does meets all alike. The ratio is oast's figure by the better peer's.
With --oast-bench there are also rows for a C++ host of a Python kernel, measured by that program.

Needs numpy and execnet.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import json
import statistics
import subprocess
import sys
import time
from typing import Any, Callable, Dict, List, NamedTuple, Optional

import execnet
import numpy

import oast

CODE = "1 + 1"
MEGABYTES = 50


class Plan(NamedTuple):
    rounds: int = 7
    round_trips: int = 300  # a round
    pipelined: int = 2000  # in flight at once
    starts: int = 5
    arrays: int = 3  # a round


class Row(NamedTuple):
    name: str
    unit: str
    more_is_better: bool
    oast: float
    peers: Dict[str, float]

    @property
    def floor(self) -> Optional[float]:
        """The better peer's figure."""
        best = max if self.more_is_better else min
        return best(self.peers.values()) if self.peers else None

    def as_json(self) -> Dict[str, Any]:
        floor = self.floor
        ratio = self.oast / floor if floor else None
        return {"name": self.name, "oast": self.oast, "floor": floor, "unit": self.unit,
                "ratio": ratio, "peers": self.peers}


def evaluate(code: str) -> Any:
    return eval(code)  # pylint: disable=eval-used


def identity(value: Any) -> Any:
    return value


def total(array: Any) -> float:
    return float(array[0] + array[-1])


def make(size: int) -> Any:
    return numpy.ones(size // 8)


def check(value: Any, wanted: Any = 2) -> None:
    if value != wanted:
        raise SystemExit(f"the answer should be {wanted!r} and is {value!r}")


class Oast:
    """A Python kernel of an embedded broker."""

    name = "oast"

    def __init__(self) -> None:
        self.worker = oast.Worker("python", exename=sys.executable, trust=True)
        self.worker.remote_eval_wait("import numpy")
        self.worker.remote_eval_wait("def total(a): return float(a[0] + a[-1])")
        self.worker.remote_eval_wait("def make(size): return numpy.ones(size // 8)")

    def round_trip(self) -> None:
        check(self.worker.remote_eval_fetch(CODE))

    def pipelined(self, count: int) -> None:
        for future in [self.worker.remote_eval(CODE) for _ in range(count)]:
            check(future.result())

    def send(self, array: Any) -> None:
        check(self.worker.remote_call_fetch("total", array), 2.0)

    def fetch(self, size: int) -> None:
        check(total(self.worker.remote_call_fetch("make", size)), 2.0)

    def close(self) -> None:
        self.worker.stop()


class ProcessPool:
    """concurrent.futures.ProcessPoolExecutor with one process."""

    name = "ProcessPool"

    def __init__(self) -> None:
        self.pool = concurrent.futures.ProcessPoolExecutor(1)

    def round_trip(self) -> None:
        check(self.pool.submit(evaluate, CODE).result())

    def pipelined(self, count: int) -> None:
        for future in [self.pool.submit(evaluate, CODE) for _ in range(count)]:
            check(future.result())

    def send(self, array: Any) -> None:
        check(self.pool.submit(total, array).result(), 2.0)

    def fetch(self, size: int) -> None:
        check(total(self.pool.submit(make, size).result()), 2.0)

    def close(self) -> None:
        self.pool.shutdown()


class Execnet:
    """An execnet gateway to a local process. It knows no arrays: they travel as bytes."""

    name = "execnet"
    REMOTE = """
for what, value in channel:
    if what == "eval":
        channel.send(eval(value))
    else:
        import numpy
        if what == "send":
            a = numpy.frombuffer(value)
            channel.send(float(a[0] + a[-1]))
        else:
            channel.send(numpy.ones(value // 8).tobytes())
"""

    def __init__(self) -> None:
        self.gateway = execnet.makegateway(f"popen//python={sys.executable}")
        self.channel = self.gateway.remote_exec(self.REMOTE)

    def ask(self, what: str, value: Any) -> Any:
        self.channel.send((what, value))
        return self.channel.receive()

    def round_trip(self) -> None:
        check(self.ask("eval", CODE))

    def pipelined(self, count: int) -> None:
        for _ in range(count):
            self.channel.send(("eval", CODE))
        for _ in range(count):
            check(self.channel.receive())

    def send(self, array: Any) -> None:
        check(self.ask("send", array.tobytes()), 2.0)

    def fetch(self, size: int) -> None:
        check(total(numpy.frombuffer(self.ask("fetch", size))), 2.0)

    def close(self) -> None:
        self.gateway.exit()


SUBJECTS = (Oast, ProcessPool, Execnet)


def seconds(run: Callable[[], Any]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def median_seconds(count: int, run: Callable[[], Any]) -> float:
    return statistics.median(seconds(run) for _ in range(count))


def measure(subject: Any, plan: Plan, array: Any) -> Dict[str, float]:
    """One subject's figures of one round."""
    return {
        "round trip of 1 + 1": 1e6 * median_seconds(plan.round_trips, subject.round_trip),
        "pipelined evals":
            plan.pipelined / seconds(lambda: subject.pipelined(plan.pipelined)),
        f"{MEGABYTES} MB array to the worker":
            1e3 * median_seconds(plan.arrays, lambda: subject.send(array)),
        f"{MEGABYTES} MB array from the worker":
            1e3 * median_seconds(plan.arrays, lambda: subject.fetch(array.nbytes)),
    }


UNITS = {"round trip of 1 + 1": "us", "pipelined evals": "/s"}  # others: ms
START = "start to first answer"


def start_and_stop(kind: Callable[[], Any]) -> float:
    """Milliseconds until the first answer; the end does not count."""
    begin = time.perf_counter()
    subject = kind()
    subject.round_trip()
    took = time.perf_counter() - begin
    subject.close()
    return 1e3 * took


class FreshOast(Oast):
    """Without what the arrays need."""

    def __init__(self) -> None:  # pylint: disable=super-init-not-called
        self.worker = oast.Worker("python", exename=sys.executable)


def figures(plan: Plan) -> Dict[str, Dict[str, float]]:
    """By subject, then by row: medians over the rounds."""
    starts: Dict[str, List[float]] = {kind.name: [] for kind in SUBJECTS}
    for _ in range(plan.starts):
        for kind in (FreshOast, ProcessPool, Execnet):
            starts[kind.name].append(start_and_stop(kind))
    array = numpy.ones(MEGABYTES * 1_000_000 // 8)
    pool = ProcessPool()  # forks: before the threads of the others
    pool.round_trip()
    subjects = [Oast(), pool, Execnet()]
    rounds: Dict[str, List[Dict[str, float]]] = {kind.name: [] for kind in SUBJECTS}
    try:
        for _ in range(plan.rounds):
            for subject in subjects:
                rounds[subject.name].append(measure(subject, plan, array))
    finally:
        for subject in subjects:
            subject.close()
    result = {}
    for name, measured in rounds.items():
        result[name] = {row: statistics.median(one[row] for one in measured)
                        for row in measured[0]}
        result[name][START] = statistics.median(starts[name])
    return result


def rows(plan: Plan) -> List[Row]:
    by_subject = figures(plan)
    ours = by_subject.pop("oast")
    return [Row(name, UNITS.get(name, "ms"), UNITS.get(name) == "/s", figure,
                {peer: peers[name] for peer, peers in by_subject.items()})
            for name, figure in ours.items()]


def rows_of_cpp(program: str, quick: bool, peers: List[Row]) -> List[Row]:
    """The C++ host's rows, beside the same peers' figures."""
    command = [program, "--kernel", "python", "--json"] + (["--quick"] if quick else [])
    measured = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    names = {"round trip p50, embedded": "round trip of 1 + 1",
             "pipelined evals, embedded": "pipelined evals",
             "start to first answer, embedded": START}
    result = []
    for row in measured:
        if row["name"] not in names:
            continue
        same = next(peer for peer in peers if peer.name == names[row["name"]])
        result.append(same._replace(name=f"{same.name}, C++ host", oast=row["oast"]))
    return result


def show(measured: List[Row]) -> None:
    peers = list(measured[0].peers)
    print(f"{'':34}{'oast':>11}" + "".join(f"{peer:>13}" for peer in peers) + f"{'ratio':>11}")
    for row in measured:
        figures_of = "".join(f"{row.peers[peer]:13.4g}" for peer in peers)
        ratio = row.oast / row.floor if row.floor else 0
        ahead = "ahead" if (ratio > 1) == row.more_is_better else "BEHIND"
        print(f"{row.name:34}{row.oast:11.4g}{figures_of} {row.unit:3}{ratio:7.2f}  {ahead}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true",
                        help='rows of {"name","oast","floor","unit","ratio","peers"}')
    parser.add_argument("--quick", action="store_true", help="fewer rounds, rougher figures")
    parser.add_argument("--oast-bench", metavar="PROGRAM", help="for the rows of a C++ host")
    arguments = parser.parse_args()
    plan = Plan(2, 50, 200, 1, 1) if arguments.quick else Plan()
    measured = rows(plan)
    if arguments.oast_bench:
        measured += rows_of_cpp(arguments.oast_bench, arguments.quick, measured)
    if arguments.json:
        print(json.dumps([row.as_json() for row in measured], indent=2))
    else:
        show(measured)


if __name__ == "__main__":
    main()
