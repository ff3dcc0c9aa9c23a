"""A serving process that is killed in the middle of a batch: sent again, it goes on."""

import os
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from infra.database import Database
from infra.settings import Settings
from infra.tokens import sign_token
from tests.conftest import SECRET, started
from tests.infra.batches.world import REASON, lines, register
from tests.infra.cli.shell import Shell

pytestmark = [pytest.mark.anyio, pytest.mark.one_server]

MANY = range(1, 1_501)
ROWS = lines({"org": org, "command": "grant", "key": key} for org in MANY for key in ("crm", "hr"))


@contextmanager
def serving(shell: Shell) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A serving process and its address; killed at the end."""
    with subprocess.Popen(
        [sys.executable, "-m", "infra.cli", "serve", "--port", "0"],
        env=os.environ | shell.env,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            first = process.stdout.readline()
            yield process, next(word for word in first.split() if word.startswith("http://"))
        finally:
            process.kill()


def send(address: str, token: str) -> dict[str, Any]:
    """The batch."""
    answer = httpx.post(
        f"{address}/api/v1/commands/bulk",
        params={"reason": REASON, "batch_id": "batch-that-is-killed"},
        content=ROWS,
        headers={"Authorization": f"Bearer {token}", "Content-Type": "application/jsonl"},
        timeout=120,
    )
    body: dict[str, Any] = answer.raise_for_status().json()
    return body


def wait_for_the_first(database: Database) -> None:
    """Until something of the batch was committed."""
    deadline = time.monotonic() + 60
    with psycopg.connect(database.owner_url, autocommit=True) as connection:
        query = "SELECT EXISTS (SELECT FROM ledger.current_entitlements WHERE org_version > 1)"
        while connection.execute(query).fetchone() == (False,) and time.monotonic() < deadline:
            time.sleep(0.01)


async def test_a_batch_whose_server_was_killed_goes_on_in_the_next(
    database: Database, settings: Settings, tmp_path: Path
) -> None:
    """Each org has both of its rows, once."""
    async with started(settings, database) as parts:
        await register(parts, MANY)
    shell = Shell.over(database, data_dir=tmp_path)
    token = sign_token(Settings(data_dir=tmp_path, jwt_secret=SECRET), role="super_admin")

    def cut_off(address: str) -> None:
        with suppress(httpx.HTTPError):
            send(address, token)

    with serving(shell) as (process, address):
        caller = threading.Thread(target=cut_off, args=(address,))
        caller.start()
        wait_for_the_first(database)
        process.kill()
        caller.join()
    with serving(shell) as (_, address):
        body = send(address, token)

    found = Counter(result["outcome"] for result in body["results"])
    assert set(found) == {"known", "changed"}
    assert found.total() == 2 * len(MANY)
    with psycopg.connect(database.owner_url) as connection:
        query = "SELECT DISTINCT max(version) FROM ledger.events WHERE stream LIKE 'org-%'"
        assert connection.execute(query + " GROUP BY stream").fetchall() == [(3,)]
