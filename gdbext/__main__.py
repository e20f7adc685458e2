"""python -m gdbext is the command sv39."""

import sys

from gdbext.cli import main

sys.exit(main())
