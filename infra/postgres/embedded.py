"""The one door to the embedded PostgreSQL: hold it, ask for its address, let go."""

import os
import select
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from infra.postgres import credentials, locks
from infra.postgres.address import (
    APP_ROLE,
    OWNER_ROLE,
    check_private,
    socket_dir,
    socket_path,
    url,
)
from infra.postgres.binaries import find
from infra.postgres.errors import AlreadyReleased, DirectoryNotOurs, StartTimedOut, from_line
from infra.postgres.layout import Layout, claim
from infra.postgres.ping import answers
from infra.postgres.supervisor import READY

START_WITHIN = 60
_PAUSE = 0.05
_LOG_BYTES = 1_000_000


def is_in_use(data_dir: Path) -> bool:
    """Whether some process holds the server in `data_dir` now; it makes and starts nothing."""
    path = Layout(Path(os.path.realpath(data_dir))).holders_lock
    if not path.exists():
        return False
    lock = locks.open_lock(path)
    try:  # a supervisor that is ending has it alone, holders share it
        return not locks.try_exclusive(lock) and locks.try_shared(lock)
    finally:
        os.close(lock)


class EmbeddedPostgres:
    """A PostgreSQL server of our own under `data_dir`, alive while any process holds it.

    Holding is a shared lock on a file, which the kernel drops when the process ends, however it
    ends. A forked child shares the lock of its parent: the server stays until both have released
    or ended, and the child need not hold for itself. A child that runs another program (exec, also
    `multiprocessing`'s spawn) does not share it and holds for itself.

    `owner_url` is for migrations: the superuser. `app_url` is the role of the application, which
    may connect, and do nothing but what migrations grant it. Both are libpq URLs of the database
    `ledger`, hold a password, and stay the same for a data directory as long as it exists.
    """

    owner_url: str
    app_url: str

    def __init__(self, layout: Layout, *, bin_dir: Path | None, lock: int) -> None:
        """Only for `hold`."""
        self._layout = layout
        self._bin_dir = bin_dir
        self._lock: int | None = lock

    def __repr__(self) -> str:
        return f"EmbeddedPostgres({str(self._layout.root)!r})"

    @classmethod
    def hold(cls, data_dir: Path, *, bin_dir: Path | None = None) -> Self:
        """Create, start or join the server in `data_dir`; it accepts connections on return.

        `bin_dir` holds `postgres` and `initdb`; without it they are looked for. A server that is
        running is joined whatever `bin_dir` says.

        Raises:
            PostgresUnavailable: with the reason and the way out; see `infra.postgres.errors`.
        """
        layout = claim(data_dir)
        lock = locks.open_lock(layout.holders_lock)
        held = cls(layout, bin_dir=bin_dir and bin_dir.absolute(), lock=lock)
        try:
            # Refused only while a supervisor without holders is shutting down.
            if not locks.wait_shared(lock, deadline=time.monotonic() + START_WITHIN):
                raise held._timed_out()
            held.ensure()
            held._learn_address()
        except BaseException:
            held.release()
            raise
        return held

    def ensure(self) -> None:
        """Return when the server accepts connections; start it again when it was killed.

        About a millisecond when it is alive. Safe in every thread; it may block for seconds.

        Raises:
            PostgresUnavailable: as `hold`; AlreadyReleased after `release`.
        """
        if self._lock is None:
            raise AlreadyReleased(str(self._layout.root))
        if self._is_alive():
            return
        deadline = time.monotonic() + START_WITHIN
        with locks.exclusive(self._layout.start_lock, deadline=deadline) as alone:
            while not self._is_alive():
                if not alone or time.monotonic() > deadline:
                    raise self._timed_out()
                if not self._is_supervised():
                    self._start_supervisor(deadline)
                time.sleep(_PAUSE)

    def release(self) -> None:
        """Let go; the server stops when nobody holds it. Does nothing the second time."""
        if self._lock is not None:
            os.close(self._lock)  # and no unlocking, which would unlock for forked children too
            self._lock = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()

    def _is_alive(self) -> bool:
        return self._is_supervised() and answers(socket_path(socket_dir(self._layout)))

    def _is_supervised(self) -> bool:
        return locks.is_held(self._layout.supervisor_lock)

    def _start_supervisor(self, deadline: float) -> None:
        """Return when it says that the server is ready, or when it ended without a word.

        Without a word it ends when there is another one, or when it was killed.
        """
        binaries = find(self._bin_dir)
        read, write = os.pipe()
        try:
            self._run(str(binaries.bin_dir), str(binaries.major), str(write), pass_fd=write)
        finally:
            os.close(write)
        try:
            line = _read_line(read, deadline)
        finally:
            os.close(read)
        if line and line != READY:
            raise from_line(line)

    def _run(self, *arguments: str, pass_fd: int) -> None:
        # -I and -S: neither the environment nor site-packages, so it starts fast, and the same
        # everywhere. It goes into the background by itself: this returns at once.
        package = str(Path(__file__).resolve().parent)
        log = _open_log(self._layout.supervisor_log)
        try:
            subprocess.run(
                [sys.executable, "-I", "-S", package, str(self._layout.root), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                start_new_session=True,
                pass_fds=(pass_fd,),
                check=True,
            )
        finally:
            os.close(log)

    def _learn_address(self) -> None:
        directory = socket_dir(self._layout)
        check_private(directory.lstat(), directory, uid=self._layout.pg.stat().st_uid)
        known = credentials.read(self._layout)
        if known is None:
            raise DirectoryNotOurs(
                str(self._layout.root),
                "its credentials.json is gone. Let every process that uses it end: the next "
                "start makes new passwords.",
            )
        self.owner_url = url(directory, role=OWNER_ROLE, password=known.owner)
        self.app_url = url(directory, role=APP_ROLE, password=known.app)

    def _timed_out(self) -> StartTimedOut:
        return StartTimedOut(str(self._layout.root), START_WITHIN, self._layout.log_tail())


def _open_log(path: Path) -> int:
    if path.exists() and path.stat().st_size > _LOG_BYTES:
        path.replace(path.with_suffix(".log.1"))
    return locks.open_private(path, os.O_WRONLY | os.O_APPEND)


def _read_line(fd: int, deadline: float) -> bytes:
    """What is written to `fd` until its other end closes; nothing when the deadline passes."""
    said = b""
    waiting = select.poll()
    waiting.register(fd, select.POLLIN)
    while not said.endswith(b"\n"):
        ready = waiting.poll(max(0.0, deadline - time.monotonic()) * 1000)
        chunk = os.read(fd, 4096) if ready else b""
        if not chunk:
            return b""
        said += chunk
    return said
