"""Keeps one server alive while anybody holds it, and stops it when the last holder is gone.

A process of its own, in a session of its own, so that neither Ctrl-C nor the death of the holder
that started it reaches the server. Standard library only: it starts in a few dozen milliseconds.
"""

import contextlib
import os
import signal
import sys
import time
import traceback
from datetime import UTC, datetime
from pathlib import Path

from infra.postgres import cluster, identity, kernel, locks
from infra.postgres.binaries import Binaries
from infra.postgres.errors import PostgresUnavailable, StartFailed, to_line
from infra.postgres.layout import Layout
from infra.postgres.server import Server

READY = b"ready\n"

_OTHER_GONE_WITHIN = 2.0
_GIVE_UP_AFTER = 4  # failed starts in a row, unless it was ready before
_STEADY_AFTER = 1.0
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 5.0
_WHILE_STARTING, _WHILE_READY = 0.02, 0.1


def main(argv: list[str]) -> None:
    """`data_dir bin_dir major report`; `report` is the pipe of who wants to know how it went."""
    data_dir, bin_dir, major, report = argv
    os.set_inheritable(int(report), False)
    if os.fork() != 0:
        os._exit(0)  # so that whoever started us has no zombie of ours to wait for
    os.umask(0o077)
    layout = Layout(Path(data_dir))
    lock = locks.open_lock(layout.supervisor_lock)
    # Somebody asking whether it is held has it for an instant, so one refusal proves nothing.
    if not locks.wait_exclusive(lock, deadline=time.monotonic() + _OTHER_GONE_WITHIN):
        return
    supervisor = Supervisor(layout, Binaries(Path(bin_dir), int(major)), report=int(report))
    try:
        supervisor.run()
    except PostgresUnavailable as error:
        supervisor.say(to_line(error))
        _log(str(error))
    except Exception:
        supervisor.say(to_line(StartFailed(str(layout.root), traceback.format_exc())))
        raise


class Supervisor:
    """One server and its restarts, until nobody holds it or somebody ends us."""

    def __init__(self, layout: Layout, binaries: Binaries, *, report: int) -> None:
        self._layout = layout
        self._binaries = binaries
        self._report: int | None = report
        self._was_ready = False
        self._told_to_end = False
        self._holders = locks.open_lock(layout.holders_lock)

    def run(self) -> None:
        """Return when the server is stopped for good.

        Raises:
            PostgresUnavailable: it never was ready.
        """
        signal.signal(signal.SIGTERM, self._end)
        signal.signal(signal.SIGINT, self._end)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        kernel.adopt_orphans()
        _log(f"supervisor {os.getpid()} begins")
        cluster.check_version(self._layout, self._binaries)
        who = identity.choose(self._layout, self._binaries)
        cluster.make(self._layout, self._binaries, who)
        _log(f"{self._binaries.bin_dir}, {who.way} as uid {who.uid}")
        server = Server(self._layout, self._binaries, who)
        try:
            self._keep(server)
        finally:
            server.stop()
        _log(f"supervisor {os.getpid()} ends")

    def say(self, line: bytes) -> None:
        """Tell who started us, once; they may be gone."""
        if self._report is not None:
            with contextlib.suppress(BrokenPipeError):
                os.write(self._report, line)
            os.close(self._report)
            self._report = None

    def _keep(self, server: Server) -> None:
        failures = 0
        while self._layout.has_cluster():  # it may have been deleted under a running server
            if not server.start():
                raise StartFailed(str(self._layout.root), "a former server does not end")
            steady = self._watch(server) >= _STEADY_AFTER
            if self._is_over():
                return
            server.bury()
            failures = 0 if steady else failures + 1
            _log(f"the server ended by itself; failures in a row: {failures}")
            if failures >= _GIVE_UP_AFTER and not self._was_ready:
                raise StartFailed(str(self._layout.root), self._layout.log_tail())
            if failures > 1:  # the first time at once: it was killed, more likely than broken
                self._pause(min(_FIRST_PAUSE * 2 ** min(failures, 9), _LONGEST_PAUSE))

    def _watch(self, server: Server) -> float:
        """Until the server or its time is over; the seconds for which it was ready."""
        since: float | None = None
        while server.is_running() and not self._is_over():
            if since is None and server.is_ready():
                since = time.monotonic()
                self._was_ready = True
                self.say(READY)
            time.sleep(_WHILE_STARTING if since is None else _WHILE_READY)
        return 0.0 if since is None else time.monotonic() - since

    def _pause(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until and not self._is_over():
            time.sleep(_WHILE_STARTING)

    def _is_over(self) -> bool:
        # Once had, the lock stays ours to the end: a new holder waits until we are gone.
        return self._told_to_end or locks.try_exclusive(self._holders)

    def _end(self, _signal: int, _frame: object) -> None:
        self._told_to_end = True


def _log(line: str) -> None:
    sys.stderr.write(f"{datetime.now(UTC).isoformat(timespec='milliseconds')} {line}\n")
