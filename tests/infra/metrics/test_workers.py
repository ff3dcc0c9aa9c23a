"""Two processes behind one socket: whichever is scraped tells what both of them counted."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from infra.database import Database
from infra.settings import Settings
from infra.tokens import sign_token
from tests.infra.cli.shell import Shell

pytestmark = pytest.mark.one_server
SERVE = [sys.executable, "-m", "infra.cli", "serve", "--demo", "--port", "0", "--workers", "2"]
CHECKS = "entitlement_checks_total"
PATIENCE_SECONDS = 120.0
ASKED = 6


@contextmanager
def two_workers(shell: Shell) -> Iterator[tuple[str, "subprocess.Popen[str]"]]:
    """The address of a server of two processes, and the one that looks after them.

    They end the way a shell ends things.
    """
    with subprocess.Popen(
        SERVE,
        env=os.environ | shell.env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        first = process.stdout.readline()
        try:
            yield next(word for word in first.split() if word.startswith("http://")), process
        finally:
            process.send_signal(signal.SIGINT)
            process.stdout.read()
            said = process.stderr.read()
    assert process.returncode == 0, said
    assert "Traceback" not in said


@contextmanager
def stopped(pid: int) -> Iterator[None]:
    """One of the processes does nothing while the block runs."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def scraped(address: str) -> float:
    """The sum that a new connection, to whichever process takes it, is told."""
    text = httpx.get(f"{address}/metrics", timeout=30).text
    return next(
        sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == CHECKS
    )


def test_a_scrape_tells_the_sum_of_all_processes(database: Database, tmp_path: Path) -> None:
    """It never falls from one scrape to the next, and in the end it is all that was asked."""
    shell = Shell.over(database, data_dir=tmp_path)
    settings = Settings.from_environment(shell.env)
    token = sign_token(settings, role="service", sub="worker-test")
    headers = {"Authorization": f"Bearer {token}"}
    body = {"org": 1, "key": "email"}
    sums, deadline = [0.0], time.monotonic() + PATIENCE_SECONDS
    with two_workers(shell) as (address, process):
        folder = tmp_path / "metrics" / str(process.pid)
        while len(files := list(folder.glob("*.json"))) < 2:
            assert time.monotonic() < deadline, "one of the processes did not start"
            time.sleep(0.05)
        for file in files:
            with stopped(int(file.stem)):  # so that the other has to answer
                for _ in range(3):
                    answer = httpx.post(
                        f"{address}/api/v1/check", json=body, headers=headers, timeout=30
                    )
                    assert answer.status_code == 200
                    sums.append(scraped(address))
        while sums[-1] < ASKED:  # the other's file is a second old at most
            assert time.monotonic() < deadline, sums
            sums.append(scraped(address))

    assert sums == sorted(sums)
    assert sums[-1] == ASKED
    assert not folder.exists()
