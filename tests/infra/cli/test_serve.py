"""`entitlements serve`: started from a shell, and ended the way a shell ends things."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx

from infra.postgres import locks
from infra.postgres.layout import Layout
from infra.propagation import watch_command
from infra.server import told_of_others
from infra.settings import Settings
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
    assert "choose another with --port (make run PORT=" in said
    assert said.count("(") == 2
    assert said.count(str(port)) == 1


def test_a_ledger_that_somebody_works_on_is_told_apart_from_one_of_its_own(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    assert told_of_others(settings) == ""
    (tmp_path / "postgres").mkdir()
    holder = locks.open_lock(Layout(tmp_path / "postgres").holders_lock)
    try:
        assert locks.try_shared(holder)
        assert f"The ledger in {tmp_path} was running already" in told_of_others(settings)
        named = settings.model_copy(update={"database_url": "postgresql://elsewhere"})
        assert told_of_others(named) == ""
    finally:
        os.close(holder)
    assert told_of_others(settings) == ""


def test_the_command_that_watches_finds_the_ledger_from_any_shell(tmp_path: Path) -> None:
    assert watch_command(Settings()) == "entitlements invalidate"
    named = watch_command(Settings(data_dir=tmp_path / "a b"))
    assert named == f"LEDGER_DATA_DIR='{tmp_path / 'a b'}' entitlements invalidate"
