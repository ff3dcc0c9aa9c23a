"""On what the figures were taken: a figure without its machine says little."""

import os
import platform
from pathlib import Path
from typing import NamedTuple

import psycopg


class FileSystem(NamedTuple):
    """What a directory lies on."""

    kind: str
    in_memory: bool


def facts(owner_url: str, *, directory: Path) -> dict[str, str | int | bool]:
    """The machine, the server at `owner_url` and the file system its data lies on."""
    file_system = file_system_of(directory)
    with psycopg.connect(owner_url) as connection:
        row = connection.execute(
            "SELECT current_setting('server_version'), current_setting('fsync'),"
            " current_setting('synchronous_commit'), current_setting('wal_sync_method')"
        ).fetchone()
    assert row is not None
    version, fsync, commit, method = row
    return {
        "cores": cores(),
        "processor": platform.machine(),
        "kernel": f"{platform.system()} {platform.release()}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "postgresql": version,
        "fsync": f"{fsync}, synchronous_commit {commit}, {method}",
        "file_system": file_system.kind,
        "file_system_in_memory": file_system.in_memory,
        "load_at_start": load(),
        "busy": is_busy(),
    }


def cores() -> int:
    """How many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def load() -> str:
    """The load average of the last minute, before the benchmark adds its own."""
    return f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"


def is_busy() -> bool:
    """Whether others leave less than half a core free for each one there is."""
    return hasattr(os, "getloadavg") and os.getloadavg()[0] > cores() / 2


def file_system_of(directory: Path) -> FileSystem:
    """The file system of a directory; "unknown" where the system does not tell."""
    mounts = Path("/proc/self/mountinfo")
    if not mounts.exists():
        return FileSystem("unknown", in_memory=False)
    found, kind = Path("/"), "unknown"
    where = directory.resolve()
    for line in mounts.read_text(encoding="utf-8").splitlines():
        before, _, after = line.partition(" - ")
        point = Path(before.split(" ")[4].replace("\\040", " "))
        if where.is_relative_to(point) and len(point.parts) >= len(found.parts):
            found, kind = point, after.split(" ")[0]
    return FileSystem(kind, in_memory=kind in ("tmpfs", "ramfs"))
