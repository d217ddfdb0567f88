"""tools/bench/jupyter_bench.py runs; what it measures decides nothing here."""

import json
import pathlib
import subprocess
import sys
import unittest

import support
from kit import has

BENCH = pathlib.Path(__file__).resolve().parents[3] / "tools/bench/jupyter_bench.py"


@unittest.skipUnless(has("ipykernel"), "there is no ipykernel")
class BenchTest(support.TestCase):
    def test_every_row_has_figures(self) -> None:
        ended = subprocess.run([sys.executable, str(BENCH), "--quick", "--json"],
                               stdout=subprocess.PIPE, text=True, timeout=5 * support.GENEROUS)
        self.assertEqual(ended.returncode, 0)
        rows = json.loads(ended.stdout)
        self.assertEqual([row["name"] for row in rows],
                         ["start to first answer", "cell", "10,000 lines", "50 MB printed"])
        for row in rows:
            self.assertGreater(min(row["oast"], row["floor"], row["lua"]), 0)


if __name__ == "__main__":
    unittest.main()
