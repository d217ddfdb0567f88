#!/usr/bin/env python3
"""What a cell costs in oast's kernels, beside ipykernel, through the same jupyter_client.

    jupyter_bench.py [--json] [--quick]

Each kernel takes its turn in each round; figures are medians over the rounds, so that what else the
machine does meets all alike. The ratio is the figure of oast's ipython spec by that of ipykernel; with
them is the floor that jupyter_client itself sets, where there is one: oast's Lua kernel, whose
language takes no time.

Needs jupyter_client, ipykernel, and oast's kernelspecs (`oast jupyter install`).
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from typing import Any, Callable, Dict, List

from jupyter_client.manager import KernelManager

KERNELS = ("python3", "oast-ipython", "oast-lua")
PATIENCE_S = 120


class Kernel:
    def __init__(self, name: str) -> None:
        self.lua = name == "oast-lua"
        self.manager = KernelManager(kernel_name=name)
        self.manager.start_kernel(stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.client = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=PATIENCE_S)

    def close(self) -> None:
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)

    def run(self, code: str) -> int:
        """Until the cell is idle and answered; the characters that it printed."""
        request = self.client.execute(code)
        printed = 0
        while True:
            message = self.client.get_iopub_msg(timeout=PATIENCE_S)
            if message["parent_header"].get("msg_id") != request:
                continue
            if message["msg_type"] == "stream":
                printed += len(message["content"]["text"])
            elif message["content"].get("execution_state") == "idle":
                break
        reply = self.client.get_shell_msg(timeout=PATIENCE_S)
        assert reply["content"]["status"] == "ok", reply["content"]
        return printed


def start(name: str) -> None:
    kernel = Kernel(name)
    try:
        kernel.run("1 + 1")
    finally:
        kernel.close()


def lines(kernel: Kernel) -> None:
    code = "for i = 1, 10000 do print(i) end" if kernel.lua else "for i in range(10000): print(i)"
    assert kernel.run(code) > 10_000


def megabytes(kernel: Kernel) -> None:
    text = "('x'):rep(1000000)" if kernel.lua else "'x' * 1000000"
    code = (f"for i = 1, 50 do io.write({text}) end" if kernel.lua
            else f"for i in range(50): print({text}, end='')")
    assert kernel.run(code) == 50_000_000


def timed(action: Callable[[], Any]) -> float:
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


def measure(rounds: int, starts: int, cells: int) -> List[Dict[str, Any]]:
    times: Dict[str, Dict[str, List[float]]] = {}

    def note(row: str, kernel: str, seconds: float) -> None:
        times.setdefault(row, {}).setdefault(kernel, []).append(seconds * 1000)

    for _ in range(starts):
        for name in KERNELS:
            note("start to first answer", name, timed(lambda: start(name)))
    kernels = {name: Kernel(name) for name in KERNELS}
    try:
        for _ in range(rounds):
            for name, kernel in kernels.items():
                for _ in range(cells):
                    note("cell", name, timed(lambda: kernel.run("1 + 1")))
            for name, kernel in kernels.items():
                note("10,000 lines", name, timed(lambda: lines(kernel)))
            for name, kernel in kernels.items():
                note("50 MB printed", name, timed(lambda: megabytes(kernel)))
    finally:
        for kernel in kernels.values():
            kernel.close()
    return [row_of(name, found) for name, found in times.items()]


def row_of(name: str, times: Dict[str, List[float]]) -> Dict[str, Any]:
    peer, ours, lua = (statistics.median(times[kernel]) for kernel in KERNELS)
    return {"name": name, "unit": "ms", "oast": ours, "floor": peer, "ratio": ours / peer,
            "lua": lua}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--json", action="store_true", help="print one JSON array")
    parser.add_argument("--quick", action="store_true", help="one short round")
    given = parser.parse_args()
    rows = measure(1, 1, 20) if given.quick else measure(5, 5, 200)
    if given.json:
        print(json.dumps(rows))
        return 0
    print(f"{'':24}{'ipython (oast)':>16}{'ipykernel':>12}{'ratio':>8}{'Lua (oast)':>12}")
    for row in rows:
        print(f"{row['name']:24}{row['oast']:13.1f} ms{row['floor']:9.1f} ms{row['ratio']:8.2f}"
              f"{row['lua']:9.1f} ms")
    return 0


if __name__ == "__main__":
    sys.exit(main())
