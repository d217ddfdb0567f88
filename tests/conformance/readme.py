#!/usr/bin/env python3
"""Runs the commands of a document's ```console blocks and compares what they print.

    readme.py DOCUMENT DIRECTORY-OF-OAST

Lines that begin with "$ " are commands, the lines below them what they print on stdout and stderr;
"..." in it stands for anything, but not for the end of a line. The commands run in the document's
directory; those of a "```console daemon" block while an `oast broker` runs. Nobody else uses that
broker, nor they anybody else's: their runtime directory is their own, and so is Jupyter's.
"""

import contextlib
import os
import pathlib
import re
import subprocess
import sys
import tempfile

PATIENCE_S = 60


def blocks(document):
    """(needs a daemon, [(command, expected output), ...]) of every console block."""
    pattern = r"^```console( daemon)?\n(.*?)^```$"
    for daemon, block in re.findall(pattern, document, re.MULTILINE | re.DOTALL):
        parts = re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]
        yield bool(daemon), [part.partition("\n")[::2] for part in parts]


@contextlib.contextmanager
def broker(environment):
    """A daemon in the foreground of another terminal, as the document says."""
    with subprocess.Popen(["oast", "broker"], env=environment, stderr=subprocess.PIPE,
                          text=True) as daemon:
        try:
            if "ready" not in daemon.stderr.readline():
                raise RuntimeError("oast broker did not start: " + daemon.stderr.read())
            yield
        finally:
            daemon.terminate()
            daemon.communicate(timeout=PATIENCE_S)


def run(command, folder, environment):
    done = subprocess.run(["bash", "-c", command], cwd=folder, env=environment, timeout=PATIENCE_S,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False)
    return done.stdout


def matches(expected, printed):
    pattern = "[^\n]*".join(map(re.escape, expected.rstrip().split("...")))
    return re.fullmatch(pattern, printed.rstrip()) is not None


def check(commands, folder, environment):
    """The number of commands that print something else."""
    wrong = 0
    for command, expected in commands:
        printed = run(command, folder, environment)
        if not matches(expected, printed):
            wrong += 1
            print(f"$ {command}\n--- the document says\n{expected}--- it prints\n{printed}")
    return wrong


def main():
    document, programs = (pathlib.Path(argument).resolve() for argument in sys.argv[1:3])
    checked = wrong = 0
    with tempfile.TemporaryDirectory(prefix="oast-readme.") as runtime:
        environment = {**os.environ, "XDG_RUNTIME_DIR": runtime, "JUPYTER_DATA_DIR": runtime,
                       "PATH": f"{programs}:{os.environ['PATH']}"}
        for daemon, commands in blocks(document.read_text(encoding="utf-8")):
            with broker(environment) if daemon else contextlib.nullcontext():
                wrong += check(commands, document.parent, environment)
            checked += len(commands)
    print(f"{checked} commands, {wrong} wrong")
    return 1 if wrong or not checked else 0


if __name__ == "__main__":
    sys.exit(main())
