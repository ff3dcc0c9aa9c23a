"""One run of the server: started, asked whether it is ready, stopped, and nothing left of it."""

import contextlib
import os
import signal
import subprocess
import time
from pathlib import Path

from infra.postgres import identity as run
from infra.postgres import locks, processes
from infra.postgres.address import PORT, make_private, socket_dir, socket_path
from infra.postgres.binaries import Binaries
from infra.postgres.identity import Identity
from infra.postgres.layout import Layout
from infra.postgres.ping import answers

# On the command line, where neither postgresql.conf nor ALTER SYSTEM gets past them.
SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "fsync": "on",
    "full_page_writes": "on",
    "synchronous_commit": "on",
    "password_encryption": "scram-sha-256",
    "max_connections": "100",
    "shared_buffers": "128MB",
    "max_wal_size": "1GB",
    "timezone": "UTC",
    "lc_messages": "C",
    "cluster_name": "ledger",
    # One file per day of the week, each emptied when its day comes round again.
    "logging_collector": "on",
    "log_directory": "../log",
    "log_filename": "postgres-%a.log",
    "log_rotation_age": "1d",
    "log_rotation_size": "0",
    "log_truncate_on_rotation": "on",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] ",
}

_FORMER_GONE_WITHIN = 60.0
_FAST_WITHIN = 30.0
_IMMEDIATE_WITHIN = 5.0
_PAUSE = 0.02


class Server:
    """The server of one data directory, run as `identity`; used by one thread of one process."""

    def __init__(self, layout: Layout, binaries: Binaries, identity: Identity) -> None:
        self._layout = layout
        self._binaries = binaries
        self._identity = identity
        self._child: subprocess.Popen[bytes] | None = None

    def start(self) -> bool:
        """Start it once nothing of a former run is left; False when something stays."""
        directory = socket_dir(self._layout)
        make_private(directory, uid=self._identity.uid, gid=self._identity.gid)
        family = locks.open_lock(self._layout.server_lock)
        try:
            if not self._outlive_former_run(family):
                return False
            self._forget_former_run(directory)
            # The server and its backends inherit the lock, so it tells until the last is gone.
            self._child = run.start(
                self._identity,
                self._command(directory),
                cwd=self._layout.pg,
                dies_by=signal.SIGINT,
                pass_fds=(family,),
            )
        finally:
            os.close(family)
        return True

    def is_running(self) -> bool:
        return self._child is not None and self._child.poll() is None

    def is_ready(self) -> bool:
        return answers(socket_path(socket_dir(self._layout)))

    def stop(self) -> None:
        """Fast shutdown: open transactions are rolled back, everything committed is on disk."""
        for how, seconds in (
            (signal.SIGINT, _FAST_WITHIN),
            (signal.SIGQUIT, _IMMEDIATE_WITHIN),
            (signal.SIGKILL, _IMMEDIATE_WITHIN),
        ):
            if self._child is not None and self._child.poll() is None:
                self._child.send_signal(how)  # our own child, not reaped yet: the pid is its
                self._wait(seconds)
        self.bury()
        if self._child is not None:  # else the directory may be somebody else's
            with contextlib.suppress(OSError):
                socket_dir(self._layout).rmdir()  # one in /tmp would stay there for ever

    def bury(self) -> None:
        """End what a killed server leaves behind: its backends, which are now our children."""
        for how in (signal.SIGQUIT, signal.SIGKILL):
            for pid in processes.children():
                os.kill(pid, how)
            if processes.reap(within=_IMMEDIATE_WITHIN):
                return

    def _wait(self, seconds: float) -> None:
        assert self._child is not None
        try:
            self._child.wait(seconds)
        except subprocess.TimeoutExpired:
            return

    def _command(self, directory: Path) -> list[str]:
        command = [self._binaries.postgres, "-D", str(self._layout.data), "-p", str(PORT)]
        for name, value in (SETTINGS | {"unix_socket_directories": _quoted(directory)}).items():
            command += ["-c", f"{name}={value}"]
        return command

    def _outlive_former_run(self, family: int) -> bool:
        """Wait for the server of a killed supervisor, and tell it to stop; False if it stays."""
        deadline = time.monotonic() + _FORMER_GONE_WITHIN
        told = False
        while not locks.try_exclusive(family):
            former = self._former_postmaster()
            if former is not None and not told:
                os.kill(former, signal.SIGINT)
                told = True
            if time.monotonic() > deadline:
                return False
            time.sleep(_PAUSE)
        return True

    def _forget_former_run(self, directory: Path) -> None:
        """Remove the pid files of a killed server: their pid may be another process by now."""
        if self._former_postmaster(doubtful=True) is not None:
            return  # started by hand, without our lock: ours will refuse to start, and say so
        (self._layout.data / "postmaster.pid").unlink(missing_ok=True)
        socket = socket_path(directory)
        socket.unlink(missing_ok=True)
        socket.with_name(f"{socket.name}.lock").unlink(missing_ok=True)

    def _former_postmaster(self, *, doubtful: bool = False) -> int | None:
        """The live postmaster of this very directory, by its pid and its command line.

        `doubtful` also names a postmaster whose command line does not tell its directory.
        """
        try:
            pid = int((self._layout.data / "postmaster.pid").read_text().split("\n", 1)[0])
        except (FileNotFoundError, ValueError):
            return None
        words = processes.command_line(pid)
        if not words or Path(words[0]).name not in {"postgres", "postmaster"}:
            return None
        directory = words[words.index("-D") + 1] if "-D" in words[:-1] else ""
        if not Path(directory).is_absolute():
            return pid if doubtful else None
        return pid if os.path.realpath(directory) == str(self._layout.data) else None


def _quoted(directory: Path) -> str:
    """As one element of a list of directories, whatever characters are in it."""
    return '"' + str(directory).replace('"', '""') + '"'
