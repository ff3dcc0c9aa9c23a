"""Two processes behind one socket: whichever is scraped tells what both of them counted."""

import json
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
SERVE = [sys.executable, "-m", "infra.cli", "serve", "--port", "0", "--workers", "2"]
CHECKS = "entitlement_checks_total"
PATIENCE_SECONDS = 60.0


@contextmanager
def two_workers(shell: Shell) -> Iterator[tuple[str, "subprocess.Popen[str]"]]:
    """The address of a server of two processes, and the one that looks after them."""
    with subprocess.Popen(
        SERVE, env=os.environ | shell.env, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        first = process.stdout.readline()
        try:
            yield next(word for word in first.split() if word.startswith("http://")), process
        finally:
            process.send_signal(signal.SIGINT)
            process.stdout.read()


def checked(file: Path) -> float:
    """How many decisions one process says it made."""
    [told] = [row for row in json.loads(file.read_text()) if row["name"] == CHECKS]
    return float(told["of"][0][1])


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
    org = shell.new_org()
    token = sign_token(settings, role="service", sub="worker-test")
    headers = {"Authorization": f"Bearer {token}"}
    body = {"org": org, "key": "email"}
    asked, sums, deadline = 0, [0.0], time.monotonic() + PATIENCE_SECONDS
    with two_workers(shell) as (address, process):
        folder = tmp_path / "metrics" / str(process.pid)
        while len([file for file in folder.glob("*.json") if checked(file)]) < 2:
            assert time.monotonic() < deadline, "one of the processes was never asked"
            answer = httpx.post(f"{address}/api/v1/check", json=body, headers=headers, timeout=30)
            assert answer.status_code == 200
            asked += 1
            sums.append(scraped(address))
        while sums[-1] < asked:  # the other's file is a second old at most
            assert time.monotonic() < deadline, (sums, asked)
            sums.append(scraped(address))

    assert sums == sorted(sums)
    assert sums[-1] == asked
    assert not folder.exists()
