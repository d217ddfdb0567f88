"""A kernel process, started by a broker, with launch details on stdin.

Specs start this file as a script, so that it finds the package whatever PYTHONPATH and Python's
flags say. With the package on sys.path, `python -m oast_kernel` does the same.
"""

import os
import sys

_home = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, _home)
__package__ = "oast_kernel"

from oast_kernel.executor import SAFE_PATH  # noqa: E402
from oast_kernel.process import main  # noqa: E402

del sys.path[0]
if not SAFE_PATH:
    sys.path[0] = ""  # as in an interactive Python; it was our folder, or with -m the current one
if _home not in sys.path:
    sys.path.append(_home)  # for what multiprocessing starts

sys.exit(main(sys.argv[1:]))
