"""A disk of a few megabytes that a test fills to the last byte, and empties again."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

MEGABYTES = 144  # a cluster, its log's first segments, and a little
_CHUNK = bytes(64 * 1024)


class SmallDisk:
    """A tmpfs. PostgreSQL cannot tell it from a small partition, but for how fast it is."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._ballast = path / "ballast"

    def fill(self) -> None:
        """Leave not a byte free."""
        with self._ballast.open("ab", buffering=0) as ballast:
            for size in (len(_CHUNK), 4096, 1):
                while self._write(ballast.fileno(), size):
                    pass

    def empty(self) -> None:
        """Give back what was taken."""
        self._ballast.unlink(missing_ok=True)

    def _write(self, file: int, size: int) -> bool:
        try:
            return os.write(file, _CHUNK[:size]) > 0
        except OSError:
            return False


@contextmanager
def mounted(path: Path) -> Iterator[SmallDisk]:
    """A small disk at `path`, which is unmounted again whatever happens; skips where none can be.

    Whoever holds files on it must have ended by then.
    """
    if os.geteuid() != 0:
        pytest.skip("only root may mount the small disk that this test fills")
    path.mkdir()
    options = f"size={MEGABYTES}m,mode=0755"
    done = subprocess.run(
        ["/bin/mount", "-t", "tmpfs", "-o", options, "tmpfs", path],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        pytest.skip(f"no small disk can be mounted here: {done.stderr.strip()}")
    try:
        yield SmallDisk(path)
    finally:
        # Lazily: a server that is just ending keeps it until it has, and it is gone afterwards.
        subprocess.run(["/bin/umount", "--lazy", path], check=True)
