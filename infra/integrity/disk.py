"""Writes small files so that a power failure leaves the old one or the new one."""

import os
from pathlib import Path

from infra.postgres.locks import open_private, write_whole


def write_private(path: Path, content: bytes) -> None:
    """Put `content` at `path` (mode 0600), whole or not at all, also when the power fails."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f"{path.name}.new")
    new.unlink(missing_ok=True)
    fd = open_private(new, os.O_WRONLY)
    try:
        write_whole(fd, content)
        os.fsync(fd)
    finally:
        os.close(fd)
    new.replace(path)
    sync_directory(path.parent)


def sync_directory(directory: Path) -> None:
    """Have the names in a directory on the disk."""
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
