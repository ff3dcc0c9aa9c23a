"""Several processes over one data directory: one key, and no checkpoint twice."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from infra.database import Database
from infra.integrity.checkpoints import FILE, CheckpointFile
from infra.integrity.keys import LISTED
from tests.infra.integrity.world import Written

SIGN = """
import asyncio, sys
from contextlib import asynccontextmanager
from pathlib import Path
from infra.integrity.keeper import Keeper
from infra.store.connections import connect

async def sign(url, directory):
    connection = await connect(url)

    @asynccontextmanager
    async def reading():
        yield connection

    print("ready", flush=True)
    sys.stdin.readline()
    signed = await Keeper(reading, directory=directory).sign()
    await connection.close()
    print("signed" if signed else "found it signed")

asyncio.run(sign(sys.argv[1], Path(sys.argv[2])))
"""


@pytest.mark.one_server
def test_of_processes_that_sign_at_once_one_makes_the_key_and_signs(
    written: Written, tmp_path: Path
) -> None:
    """The others find it signed, with that key."""
    database: Database = written.database
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", SIGN, database.app_url, str(tmp_path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"

    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    said = [process.communicate(timeout=60)[0].strip() for process in processes]

    assert sorted(said) == ["found it signed"] * 3 + ["signed"]
    assert len(json.loads((tmp_path / LISTED).read_text())["keys"]) == 1
    assert len((tmp_path / FILE).read_text().splitlines()) == 1
    assert [line.problem for line in CheckpointFile(tmp_path).lines()] == [None]
