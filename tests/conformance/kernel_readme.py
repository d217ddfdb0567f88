#!/usr/bin/env python3
"""Runs the kernel of kernel/README.md through a broker, as it stands there.

    kernel_readme.py DOCUMENT DIRECTORY-OF-OAST
"""

import os
import pathlib
import re
import subprocess
import sys
import tempfile

PATIENCE_S = 60


def block(document, language):
    """The text of the only block of that language."""
    found = re.findall(rf"^```{language}\n(.*?)^```$", document, re.MULTILINE | re.DOTALL)
    assert len(found) == 1, f"{len(found)} blocks of {language}"
    return found[0]


def main():
    document = pathlib.Path(sys.argv[1]).read_text(encoding="utf-8")
    oast = pathlib.Path(sys.argv[2]).resolve() / "oast"
    program = block(document, "python")
    assert len(program.splitlines()) < 60, "the kernel should have less than sixty lines"
    with tempfile.TemporaryDirectory() as specs, tempfile.TemporaryDirectory() as runtime:
        folder = pathlib.Path(specs) / "toy"
        folder.mkdir()
        (folder / "toy.py").write_text(program, encoding="utf-8")
        (folder / "oast.json").write_text(block(document, "json"), encoding="utf-8")

        def run(*arguments):
            # In a runtime directory of its own: a daemon in the usual one would not have the spec.
            environment = {**os.environ, "OAST_SPECS": specs, "XDG_RUNTIME_DIR": runtime}
            return subprocess.run([oast, *arguments], env=environment,
                                  timeout=PATIENCE_S, stdin=subprocess.DEVNULL,
                                  capture_output=True, text=True, check=False)

        upper = run("eval", "-k", "toy", "upper hello")
        assert (upper.returncode, upper.stdout) == (0, '"HELLO"\n'), upper
        # Values go to stdout, everything else to stderr.
        said = run("eval", "-k", "toy", "say hello")
        assert said.returncode == 0 and "hello" in said.stdout + said.stderr, said
        wrong = run("eval", "-k", "toy", "sing hello")
        assert wrong.returncode == 1 and "no such word: sing" in wrong.stderr, wrong
        listed = run("specs")
        assert re.search(r"^toy +toy +Toy +python3 .*/toy/toy.py$", listed.stdout, re.M), listed


if __name__ == "__main__":
    main()
