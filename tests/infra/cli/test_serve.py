"""`entitlements serve`: started from a shell, and ended the way a shell ends things."""

import os
import signal
import socket
import subprocess
import sys

import httpx

from tests.infra.cli.shell import Shell
from tests.sdk.waiting import until

SERVE = [sys.executable, "-m", "infra.cli", "serve"]


def test_it_serves_the_demonstration_until_interrupted(own_shell: Shell) -> None:
    """With several workers: see `tests/infra/metrics/test_workers.py`."""
    with subprocess.Popen(
        [*SERVE, "--demo", "--port", "0"],
        env=os.environ | own_shell.env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        first = process.stdout.readline()
        address = next(word for word in first.split() if word.startswith("http://"))
        try:
            with httpx.Client(base_url=address, timeout=30) as client:
                until(lambda: client.get("/readyz").status_code == 200, "readiness")
        finally:
            process.send_signal(signal.SIGINT)
        rest, said = process.stdout.read(), process.stderr.read()
    assert process.returncode == 0, said
    assert "Traceback" not in said
    assert "Tokens, valid for 12 hours:" in rest


def test_a_test_clock_is_for_one_worker(own_shell: Shell) -> None:
    env = own_shell.env | {"LEDGER_TEST_CLOCK": "true"}
    said = Shell(env)("serve", "--workers", "2", code=1).stderr
    assert "each process has a clock of its own" in said


def test_a_port_that_is_taken_is_told(own_shell: Shell) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = own_shell("serve", "--port", port, code=1).stderr
    assert "choose another with --port" in said
