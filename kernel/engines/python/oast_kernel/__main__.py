"""`python -m oast_kernel`: a kernel process, started by a broker, with launch details on stdin."""

import os
import sys

if __package__ in (None, ""):  # run as a directory
    sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    import oast_kernel
    __package__ = "oast_kernel"

from oast_kernel.process import main

sys.exit(main(sys.argv[1:]))
