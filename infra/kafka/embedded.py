"""The one door to a broker of our own: run it, kill it, start it again, or empty."""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from kafka import KafkaAdminClient
from kafka.errors import KafkaError

from infra.kafka.errors import DirectoryInUse, NotReady
from infra.kafka.kinds import Kind, choose
from infra.postgres import locks

CACHE = Path.home() / ".cache" / "entitlements-ledger"
START_WITHIN = 120.0
_LAUNCHER = Path(__file__).with_name("launcher.py")
_PAUSE = 0.05


class EmbeddedKafka:
    """A broker on loopback whose process ends with ours, however ours ends.

    `address` stays the same for a directory, unless somebody else has taken its port meanwhile.
    """

    def __init__(self, directory: Path, *, kind: Kind) -> None:
        """Only for `run`."""
        self.kind = kind
        self._directory = directory
        self._lock: int | None = None
        self._child: subprocess.Popen[bytes] | None = None
        self._port = self._controller = 0

    @classmethod
    @contextmanager
    def run(
        cls, directory: Path, *, cache: Path = CACHE, kind: Kind | None = None
    ) -> Iterator[Self]:
        """A broker that answers, for as long as the block runs.

        Raises:
            KafkaUnavailable: with the reason and the way out; see `infra.kafka.errors`.
        """
        directory = directory.absolute()
        directory.mkdir(parents=True, exist_ok=True)
        broker = cls(directory, kind=kind or choose(cache))
        try:
            broker.start()
            yield broker
        finally:
            broker.stop()

    @property
    def address(self) -> str:
        """As a client wants it: `host:port`."""
        return f"127.0.0.1:{self._port}"

    def start(self) -> None:
        """Return when it answers.

        Raises:
            DirectoryInUse, NotReady: it cannot be started.
        """
        lock = locks.open_lock(_lock_file(self._directory))
        try:
            # Of a broker whose owner was killed the kernel is just making an end.
            if not locks.wait_exclusive(lock, deadline=time.monotonic() + 5):
                raise DirectoryInUse(self._directory)
            self._port, self._controller = _ports(self._directory)
            words = self.kind.prepare(self._directory, port=self._port, controller=self._controller)
            self._spawn(words, lock)
        finally:
            os.close(lock)  # the broker has inherited it
        self._wait_ready()

    def kill(self) -> None:
        """End it at once (-9); what it had acknowledged stays on disk."""
        if self._child is not None:
            self._child.kill()
            self._child.wait()
            self._child = None

    def stall(self) -> None:
        """Let it answer nobody, and end no connection."""
        self._signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """The end of a stall."""
        self._signal(signal.SIGCONT)

    def restart(self) -> None:
        """Kill it and start it again."""
        self.kill()
        self.start()

    def wipe(self) -> None:
        """Kill it and start it again with nothing in it."""
        self.kill()
        shutil.rmtree(self._directory / "data", ignore_errors=True)
        self.start()

    def stop(self) -> None:
        """End it for good."""
        self.kill()

    def _signal(self, how: signal.Signals) -> None:
        if self._child is not None:
            self._child.send_signal(how)

    def _spawn(self, words: list[str], lock: int) -> None:
        """Start it from a thread that lives as long: the kernel takes a thread for the parent."""
        started = threading.Event()
        failed: list[BaseException] = []

        def own() -> None:
            try:
                with self._log.open("wb") as log:
                    self._child = subprocess.Popen(
                        [sys.executable, "-I", "-S", str(_LAUNCHER), str(os.getpid()), *words],
                        stdin=subprocess.DEVNULL,
                        stdout=log,
                        stderr=log,
                        cwd=self._directory,
                        env={"LC_ALL": "C", "TZ": "UTC", "PATH": os.defpath},
                        start_new_session=True,  # Ctrl-C is for us; the broker ends with us
                        pass_fds=(lock,),
                    )
                    child = self._child
            except OSError as error:
                failed.append(error)
                return
            finally:
                started.set()
            child.wait()

        threading.Thread(target=own, name="kafka broker", daemon=True).start()
        started.wait()
        if failed:
            raise NotReady(self.kind.name, str(failed[0]))

    def _wait_ready(self) -> None:
        deadline = time.monotonic() + START_WITHIN
        while self._child is not None and self._child.poll() is None:
            if _answers(self.address):
                return
            if time.monotonic() > deadline:
                break
            time.sleep(_PAUSE)
        self.kill()
        raise NotReady(self.kind.name, self._log.read_text(errors="replace")[-2000:])

    @property
    def _log(self) -> Path:
        return self._directory / "broker.log"


def running_at(directory: Path) -> str | None:
    """The address of a broker that some process runs on `directory`; None when none does."""
    if not _ports_file(directory).exists() or not locks.is_held(_lock_file(directory)):
        return None
    return f"127.0.0.1:{json.loads(_ports_file(directory).read_text())[0]}"


def _lock_file(directory: Path) -> Path:
    return directory / "broker.lock"


def _ports_file(directory: Path) -> Path:
    return directory / "ports.json"


def _ports(directory: Path) -> tuple[int, int]:
    """Those of the last start where they are free, otherwise any two."""
    with contextlib.suppress(OSError, ValueError):
        first, second = json.loads(_ports_file(directory).read_text())
        if _is_free(first) and _is_free(second):
            return int(first), int(second)
    with (
        socket.create_server(("127.0.0.1", 0)) as one,
        socket.create_server(("127.0.0.1", 0)) as two,
    ):
        ports = (one.getsockname()[1], two.getsockname()[1])
    _ports_file(directory).write_text(json.dumps(ports))
    return ports


def _is_free(port: int) -> bool:
    try:
        with socket.create_server(("127.0.0.1", port)):  # sets SO_REUSEADDR: TIME_WAIT is free
            return True
    except OSError:
        return False


def _answers(address: str) -> bool:
    host, _, port = address.partition(":")
    try:
        with socket.create_connection((host, int(port)), timeout=1):
            pass
        admin = KafkaAdminClient(
            bootstrap_servers=address, bootstrap_timeout_ms=2_000, request_timeout_ms=2_000
        )
    except (OSError, KafkaError):
        return False
    try:
        return bool(admin.describe_cluster()["brokers"])
    except KafkaError:
        return False
    finally:
        admin.close()
