"""File locks that the kernel drops when their process ends, however it ends.

`flock` belongs to the open file, not to the process: a forked child shares it, and it is dropped
when the last copy is closed. So nothing here ever unlocks; letting go is closing one's own copy.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PAUSE = 0.02


def open_private(path: Path, flags: int) -> int:
    """Open `path` (mode 0600, made when missing), closed on exec, never through a symlink.

    A file that root makes in somebody else's directory is given to the directory's owner.
    """
    flags |= os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        fd = os.open(path, flags | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return os.open(path, flags)
    if os.geteuid() == 0:
        owner = path.parent.stat()
        os.fchown(fd, owner.st_uid, owner.st_gid)
    return fd


def write_whole(fd: int, content: bytes) -> None:
    """Write all of `content`: a disk that fills up takes a part first, and says no to the next.

    Raises:
        OSError: not all of it could be written.
    """
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(fd, rest) :]


def open_lock(path: Path) -> int:
    """A file of our own to lock; close it to let go."""
    return open_private(path, os.O_RDWR)


def try_shared(fd: int) -> bool:
    return _try(fd, fcntl.LOCK_SH)


def try_exclusive(fd: int) -> bool:
    return _try(fd, fcntl.LOCK_EX)


def _try(fd: int, how: int) -> bool:
    try:
        fcntl.flock(fd, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def wait_shared(fd: int, *, deadline: float) -> bool:
    """Whether the lock was had before `deadline`, in seconds of the monotonic clock."""
    return _wait(fd, fcntl.LOCK_SH, deadline)


def wait_exclusive(fd: int, *, deadline: float) -> bool:
    """Whether the lock was had before `deadline`, in seconds of the monotonic clock."""
    return _wait(fd, fcntl.LOCK_EX, deadline)


def _wait(fd: int, how: int, deadline: float) -> bool:
    while not _try(fd, how):
        if time.monotonic() > deadline:
            return False
        time.sleep(_PAUSE)
    return True


@contextmanager
def exclusive(path: Path, *, deadline: float) -> Iterator[bool]:
    """Hold `path` alone inside the block; yields False when it was not had before `deadline`."""
    fd = open_lock(path)
    try:
        yield wait_exclusive(fd, deadline=deadline)
    finally:
        os.close(fd)


def is_held(path: Path) -> bool:
    """Whether some process holds `path` exclusively. Asking takes the lock for an instant."""
    try:
        fd = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        return False
    try:
        return not try_shared(fd)
    finally:
        os.close(fd)
