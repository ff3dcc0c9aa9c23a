"""Becomes the broker, after telling the kernel that it is to end with whoever started it.

`launcher.py PARENT WORDS…`, run by its path: a function between fork and exec would not be safe
where the parent has threads.
"""

import os
import signal
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from infra.postgres import kernel

if __name__ == "__main__":
    kernel.die_with_parent(signal.SIGKILL, parent=int(sys.argv[1]))
    os.execv(sys.argv[2], sys.argv[2:])  # noqa: S606  a fixed command, and no shell is wanted
