"""What there is to know about other processes, so that only the right ones are ever signalled."""

import os
import subprocess
import time
from pathlib import Path

from infra.postgres.kernel import LINUX

_PAUSE = 0.02


def children() -> list[int]:
    """Our children that are not reaped yet, adopted ones too; empty where the kernel won't say."""
    try:
        return [
            int(pid) for pid in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
        ]
    except FileNotFoundError:
        return []


def reap(*, within: float) -> bool:
    """Whether all our children ended, and were reaped, `within` so many seconds."""
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        try:
            if os.waitpid(-1, os.WNOHANG) == (0, 0):
                time.sleep(_PAUSE)
        except ChildProcessError:
            return True
    return False


def command_line(pid: int) -> list[str]:
    """The words `pid` was started with, or its title; empty when it is gone."""
    if LINUX:
        try:
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except (FileNotFoundError, ProcessLookupError):
            return []
        return [os.fsdecode(word) for word in words if word]
    ps = ["/bin/ps", "-ww", "-o", "command=", "-p", str(pid)]
    return subprocess.run(ps, capture_output=True, text=True, check=False).stdout.split()
