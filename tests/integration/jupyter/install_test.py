"""oast jupyter install."""

import json
import os
import subprocess
import unittest
from typing import Any

from support import PROGRAMS, SCRATCH, TestCase, oast


class InstallTest(TestCase):
    def test_a_kernelspec_starts_the_bridge_by_its_path(self) -> None:
        path = SCRATCH / "share/jupyter/kernels/oast-lua/kernel.json"
        spec = json.loads(path.read_text())
        self.assertTrue(os.access(spec["argv"][0], os.X_OK))
        self.assertEqual(spec["argv"][1:], ["-f", "{connection_file}", "-k", "lua"])
        self.assertEqual((spec["display_name"], spec["language"]), ("Lua 5.4 (oast)", "lua"))
        self.assertEqual((spec["interrupt_mode"], spec["kernel_protocol_version"]),
                         ("message", "5.5"))

    def test_only_the_specs_that_are_named_are_installed(self) -> None:
        prefix = SCRATCH / "only"
        self.assertEqual(oast("jupyter", "install", "--prefix", str(prefix), "lua").returncode, 0)
        self.assertEqual(os.listdir(prefix / "share/jupyter/kernels"), ["oast-lua"])

    def test_notebook_6_loads_its_extension_by_itself(self) -> None:
        config = json.loads((SCRATCH / "etc/jupyter/nbconfig/notebook.d/oast.json").read_text())
        self.assertEqual(config, {"load_extensions": {"oast/notebook": True}})
        extension = SCRATCH / "share/jupyter/nbextensions/oast/notebook.js"
        self.assertIn("load_ipython_extension", extension.read_text())

    def test_a_user_s_folders_are_those_that_jupyter_looks_into(self) -> None:
        home = SCRATCH / "home"
        names = ("JUPYTER_DATA_DIR", "JUPYTER_CONFIG_DIR", "XDG_DATA_HOME")
        env = {k: v for k, v in os.environ.items() if k not in names}
        ended = subprocess.run([PROGRAMS / "oast", "jupyter", "install", "--user", "lua"],
                               env={**env, "HOME": str(home)}, stdout=subprocess.PIPE)
        self.assertEqual(ended.returncode, 0)
        self.assertTrue((home / ".local/share/jupyter/kernels/oast-lua/kernel.json").exists())
        self.assertTrue((home / ".jupyter/nbconfig/notebook.d/oast.json").exists())

    def test_a_spec_that_does_not_exist_is_an_error_that_says_so(self) -> None:
        ended = oast("jupyter", "install", "--prefix", str(SCRATCH / "none"), "cobol")
        self.assertEqual(ended.returncode, 2)
        self.assertIn("there is no spec `cobol`", ended.stderr)
        self.assertFalse((SCRATCH / "none").exists())

    def doctor(self, jupyter_path: str) -> Any:
        ended = subprocess.run([PROGRAMS / "oast", "jupyter", "doctor"], stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True,
                               env={**os.environ, "JUPYTER_PATH": jupyter_path,
                                    "JUPYTER_DATA_DIR": str(SCRATCH / "no-data")})
        self.assertEqual(ended.stderr, "")
        return ended.returncode, ended.stdout

    def test_doctor_starts_the_kernel_of_every_kernelspec(self) -> None:
        code, said = self.doctor(str(SCRATCH / "share/jupyter"))
        self.assertEqual(code, 0, said)
        for spec in ("lua", "python"):
            self.assertIn(f"ok   oast-{spec}: starts kernels of `{spec}`\n", said)

    def test_doctor_says_what_is_wrong_and_what_mends_it(self) -> None:
        prefix = SCRATCH / "ill"
        self.assertEqual(oast("jupyter", "install", "--prefix", str(prefix), "lua").returncode, 0)
        kernels = prefix / "share/jupyter/kernels"
        healthy = json.loads((kernels / "oast-lua/kernel.json").read_text())
        other = prefix / "oast-jupyter"
        other.write_text("#!/bin/sh\necho oast-jupyter 9.9.9\n")
        other.chmod(0o755)
        for name, argv in (("gone", ["/nonexistent/oast-jupyter", "-k", "lua"]),
                           ("skew", [str(other), "-k", "lua"]),
                           ("cobol", [healthy["argv"][0], "-f", "{connection_file}", "-k", "cobol"])):
            (kernels / name).mkdir()
            (kernels / name / "kernel.json").write_text(json.dumps({"argv": argv}))
        (kernels / "nonsense").mkdir()
        (kernels / "nonsense" / "kernel.json").write_text("{")
        code, said = self.doctor(str(prefix / "share/jupyter"))
        self.assertEqual(code, 1)
        lines = {line.split(":")[0]: line for line in said.splitlines()}
        self.assertIn("ok   oast-lua", lines)
        self.assertIn("cannot be run; `oast jupyter install lua`", lines["BAD  gone"])
        self.assertIn("oast-jupyter 9.9.9", lines["BAD  skew"])
        self.assertIn("no kernel spec 'cobol'", lines["BAD  cobol"])
        self.assertNotIn("nonsense", said)

    def test_doctor_says_that_nothing_is_installed(self) -> None:
        code, said = self.doctor("")
        self.assertEqual(code, 1)
        self.assertIn("`oast jupyter install` writes them", said)

    def test_nonsense_is_refused(self) -> None:
        for words in ((), ("instal",), ("install", "--prefix"), ("install", "--prefix", ""),
                      ("install", "--user", "--prefix", "/x"), ("install", "--nonsense")):
            self.assertEqual(oast("jupyter", *words).returncode, 2, words)

    def test_what_cannot_be_written_is_said(self) -> None:
        ended = oast("jupyter", "install", "--prefix", "/proc")
        self.assertEqual(ended.returncode, 6)
        self.assertIn("/proc", ended.stderr)


if __name__ == "__main__":
    unittest.main()
