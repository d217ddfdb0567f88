#!/usr/bin/env python3
"""Hosts that come and go at one daemon for minutes; then its memory and descriptors must be flat.

    tests/fault/soak.py [--minutes 10] [--hosts 20] [--build build/release]

Half of the hosts are Python programs, half are runs of the oast command (the C++ library). Each starts
kernels, uses them, and stops or kills them; some leave without a word, by SIGKILL. Every ten seconds a
row says what the daemon has. It fails if an answer was wrong, if something was left, or if the daemon
grew after its first quarter.
"""

import argparse
import os
import pathlib
import random
import signal
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]

PYTHON_HOST = """
import os, random, signal, sys, time
import oast
seed, directory, seconds = int(sys.argv[1]), sys.argv[2], float(sys.argv[3])
random.seed(seed)
end = time.monotonic() + seconds
broker = oast.connect(directory, timeout=30)
quiet = dict(monitor_stdout=False, monitor_stderr=False, timeout=60)
while time.monotonic() < end:
    spec = random.choice(["lua", "lua", "lua", "python"])
    w = broker.start(spec, **quiet)
    for i in range(random.randrange(1, 30)):
        assert w.remote_eval_fetch(f"{i} + 1") == i + 1
    later = [w.remote_eval(f"{i} * 2") for i in range(random.randrange(50))]
    assert [f.result(60) for f in later] == [2 * i for i in range(len(later))]
    w.remote_eval_wait("print('x' * 100000)" if spec == "python" else "print(('x'):rep(100000))")
    data = bytes(random.randrange(1, 3_000_000))
    echo = "len" if spec == "python" else "string.len"
    assert w.remote_call_fetch(echo, data) == len(data)
    endless = "while True: pass" if spec == "python" else "while true do end"
    f = w.remote_eval(endless)
    how = random.randrange(5)
    if how == 0:
        f.cancel()
        w.stop()
    elif how == 1:
        w.kill()
    elif how == 2:
        w.close()
    elif how == 3:
        while not f.done():  # an interrupt may come before what it is meant for
            w.interrupt()
        assert f.exception() is not None
        w.close()
    else:
        os.kill(os.getpid(), signal.SIGKILL)
broker.close()
"""


def status(pid):
    fields = dict(line.split(":", 1) for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines())
    return {
        "rss_kb": int(fields["VmRSS"].split()[0]),
        "threads": int(fields["Threads"]),
        "fds": len(os.listdir(f"/proc/{pid}/fd")),
    }


class Hosts:
    """Keeps `count` hosts going; each is replaced when it has ended."""

    def __init__(self, count, directory, programs):
        self.directory, self.programs = directory, programs
        self.running = [None] * count
        self.ended, self.wrong = 0, []

    def start(self, place):
        if place % 2 == 0:
            seconds = random.uniform(1, 20)
            command = [sys.executable, "-c", PYTHON_HOST, str(random.random())[2:8], self.directory, str(seconds)]
            return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE), {0, -signal.SIGKILL}, None
        oast = [self.programs / "oast"]
        number = random.randrange(1000)
        command, codes, output = random.choice([
            (["eval", "-b", self.directory, f"{number} + 1"], {0}, f"{number + 1}\n"),
            (["eval", "-b", self.directory, "-k", "python", f"{number} + 1"], {0}, f"{number + 1}\n"),
            (["eval", "-b", self.directory, "os.exit(3)"], {3}, ""),
            (["eval", "-b", self.directory, "--timeout", "1", "while true do end"], {5}, ""),
            (["eval", "-b", self.directory, "for i = 1, 2000 do print(('y'):rep(100)) end"], {0}, ("y" * 100 + "\n") * 2000),
        ])
        process = subprocess.Popen(oast + command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        return process, codes, output

    def look(self, restart):
        for place, held in enumerate(self.running):
            if held is None:
                if restart:
                    self.running[place] = self.start(place)
                continue
            process, codes, output = held
            if output is None:
                if process.poll() is None:
                    continue
                errors, text = process.stderr.read(), b""
            else:
                text, errors = process.communicate(timeout=120)
            self.ended += 1
            if process.returncode not in codes or (output is not None and text.decode() != output):
                self.wrong.append(f"{process.args[1:4]}: {process.returncode}\n{errors.decode()[-600:]}")
            if process.stderr:
                process.stderr.close()
            self.running[place] = None


def living_kernels(programs, directory):
    listed = subprocess.run([programs / "oast", "ps", "-b", directory, "--json"], check=True, stdout=subprocess.PIPE)
    return listed.stdout.count(b'"state":"idle"') + listed.stdout.count(b'"state":"busy"') + listed.stdout.count(b'"state":"starting"')


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--hosts", type=int, default=20)
    parser.add_argument("--build", default=str(ROOT / "build/release"))
    options = parser.parse_args()
    build = pathlib.Path(options.build).resolve()
    programs = build / "bin"
    os.environ["OAST_LIBRARY"] = str(build / "lib/liboast.so")
    os.environ["PYTHONPATH"] = str(ROOT / "bindings/python")
    with tempfile.TemporaryDirectory(prefix="oast-soak.") as scratch:
        directory = os.path.join(scratch, "broker")
        daemon = subprocess.Popen([programs / "oast-broker", "--runtime-dir", directory, "--data-dir", directory], stderr=subprocess.PIPE)
        daemon.stderr.readline()
        os.set_blocking(daemon.stderr.fileno(), False)
        idle = status(daemon.pid)
        hosts = Hosts(options.hosts, directory, programs)
        started, samples = time.monotonic(), []
        end = started + options.minutes * 60
        print("seconds  ended  rss_kb  fds  threads", flush=True)
        while time.monotonic() < end:
            hosts.look(restart=True)
            daemon.stderr.read()
            if time.monotonic() - started >= 10 * (len(samples) + 1):
                now = status(daemon.pid)
                samples.append(now)
                print(f"{time.monotonic() - started:7.0f}  {hosts.ended:5}  {now['rss_kb']:6}  {now['fds']:3}  {now['threads']:3}", flush=True)
            time.sleep(0.02)
        while any(hosts.running):
            hosts.look(restart=False)
            daemon.stderr.read()
            time.sleep(0.02)
        patience = time.monotonic() + 30
        while living_kernels(programs, directory) and time.monotonic() < patience:
            time.sleep(0.2)
        last = status(daemon.pid)
        print(f"at rest: {last}, kernels left: {living_kernels(programs, directory)}, hosts ended: {hosts.ended}, wrong: {len(hosts.wrong)}")
        for text in hosts.wrong[:10]:
            print(text)
        early = max(s["rss_kb"] for s in samples[: max(1, len(samples) // 4)])
        late = max(s["rss_kb"] for s in samples[-max(1, len(samples) // 4):])
        print(f"highest memory in the first quarter {early} kB, in the last {late} kB")
        left = living_kernels(programs, directory)
        print(f"descriptors before {idle['fds']}, at rest {last['fds']}")
        daemon.send_signal(signal.SIGTERM)
        daemon.communicate(timeout=60)
        return 1 if hosts.wrong or left or last["fds"] > idle["fds"] + 2 or late > 1.25 * early else 0


if __name__ == "__main__":
    sys.exit(main())
