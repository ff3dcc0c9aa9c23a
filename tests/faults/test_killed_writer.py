"""A whole writing process is killed (-9) and run again: no org is half written, none is lost.

What a kill does not show stands in the tests of a killed server.
"""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import psycopg
import pytest

from infra.database import Database
from infra.settings import Settings
from projections import current, legacy
from tests.conftest import started
from tests.faults.conftest import Rounds
from tests.faults.writer import FACTS
from tests.infra.store.world import Row, assert_gapless, fold, log, streams

pytestmark = [pytest.mark.anyio, pytest.mark.one_server]

ROOT = Path(__file__).resolve().parents[2]
Told = dict[int, tuple[int, int]]


def killed(database: Database, directory: Path, *, mode: str, after: int) -> Told:
    """What a writer said until it was killed, which is after so many lines and any number more."""
    words = [database.app_url, str(directory), mode]
    with subprocess.Popen(
        [sys.executable, "-m", "tests.faults.writer", *words],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    ) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(after)]
        process.kill()
        lines += process.stdout.read().splitlines(keepends=True)
    whole = [tuple(map(int, line.split())) for line in lines if line.endswith("\n")]
    return {number: (version, position) for number, version, position in whole}


def entries(database: Database) -> list[Row]:
    with psycopg.connect(database.app_url) as connection:
        return log(connection)


def half_written(rows: list[Row]) -> list[str]:
    """Orgs with a part of what belongs together."""
    return [org for org, entries in streams(rows).items() if len(entries) != FACTS]


def lost(told: Told, rows: list[Row]) -> list[int]:
    """Numbers that were acknowledged and are not in the log."""
    there = {row.stream for row in rows}
    return [number for number in told if f"org-{number + 1}" not in there]


@pytest.mark.soak
async def test_a_killed_writer_leaves_whole_orgs_and_its_next_run_goes_on(
    settings: Settings, database: Database, rounds: Rounds
) -> None:
    """A repeat of what was acknowledged answers the same version at the same position."""
    async with started(settings, database):
        pass
    told: Told = {}
    for number in range(rounds(3)):
        now = killed(database, settings.data_dir, mode="whole", after=len(told) + 10)
        left = entries(database)
        assert_gapless(left)
        assert half_written(left) == []
        assert lost(now, left) == []
        assert {n: now[n] for n in told if n in now} == {n: told[n] for n in told if n in now}
        assert len(now) >= 10 * (number + 1)
        told |= now

    rows = entries(database)
    places = {(row.stream, row.position) for row in rows}
    assert {(f"org-{number + 1}", position) for number, (_, position) in told.items()} <= places
    with psycopg.connect(database.app_url) as connection:
        views = connection.execute(
            "SELECT org, state, l.granted FROM ledger.current_entitlements"
            " JOIN ledger.legacy_enabled_modules l USING (org)"
        ).fetchall()
    folds = {org: fold(entries) for org, entries in streams(rows).items()}
    assert {org: (state, granted) for org, state, granted in views} == {
        org: (current.written(folded), legacy.written(folded)) for org, folded in folds.items()
    }


MUTANTS: dict[str, Callable[[Told, list[Row]], object]] = {
    "split": lambda told, rows: half_written(rows),
    "hasty": lost,
}


@pytest.mark.parametrize("mode", MUTANTS)
async def test_a_writer_that_splits_or_acknowledges_too_early_is_caught(
    settings: Settings, database: Database, mode: Literal["split", "hasty"]
) -> None:
    """The mutants: several orders for one org, and a word before the deed."""
    async with started(settings, database):
        pass
    for _ in range(60):  # a few are nearly always enough: four clients, each anywhere in an org
        told = killed(database, settings.data_dir, mode=mode, after=10)
        if MUTANTS[mode](told, entries(database)):
            return
    pytest.fail(f"the mutant '{mode}' was not caught")
