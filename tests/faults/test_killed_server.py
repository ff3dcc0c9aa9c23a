"""PostgreSQL is killed (-9) under load: what was acknowledged is there, and work goes on by itself.

A kill shows that a process may end anywhere. It does not show what a loss of power does: what
the server handed to the operating system survives it.
"""

import asyncio
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from domain.commands import GrantAccess
from domain.orders import Answer, Order
from domain.refusals import Unavailable
from infra.clock import LedgerClock, wall_clock
from infra.migrations.run import migrate
from infra.postgres.embedded import EmbeddedPostgres
from infra.settings import Settings
from infra.store.append import Append, Appended
from infra.store.connections import connect
from infra.store.journal import Journal, Line
from infra.store.ledger import Ledger
from tests.conftest import new_database, started
from tests.faults.conftest import Rounds
from tests.faults.history import breaches
from tests.faults.world import assembled
from tests.infra.postgres.world import postmaster_pid
from tests.infra.store.orders import CRM, order, registration
from tests.infra.store.world import Row, log, until

pytestmark = pytest.mark.anyio

CLIENTS = 8


class Load:
    """Clients that grant to an org each, and ask again until they are answered."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._is_over = False
        self.answers: list[Answer] = []

    async def client(self, org: str, *, with_ids: bool = True) -> None:
        """Grant again and again, each time with a reference of its own."""
        await self._answered(registration(org))
        number = 0
        while not self._is_over:
            number += 1
            grant = GrantAccess(key=CRM, source="promo:load", source_ref=f"{org}-{number}")
            command_id = uuid4() if with_ids else None
            await self._answered(order(org, grant, command_id=command_id))

    def more(self, count: int) -> Callable[[], bool]:
        """Whether so many more were answered since this was asked for."""
        goal = len(self.answers) + count
        return lambda: len(self.answers) >= goal

    def stop(self) -> None:
        self._is_over = True

    async def _answered(self, wanted: Order) -> None:
        while True:
            try:
                self.answers.append(await self._ledger.execute(wanted))
            except Unavailable:
                await asyncio.sleep(0.02)
            else:
                return


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a server to kill."""
    return tmp_path_factory.mktemp("killed") / "db"


@pytest.fixture(scope="module")
def victim(data_dir: Path) -> Iterator[EmbeddedPostgres]:
    """A server that is started again whenever it was killed."""
    with EmbeddedPostgres.hold(data_dir) as held:
        migrate(held.owner_url)
        yield held


def entries(url: str) -> list[Row]:
    with psycopg.connect(url) as connection:
        return log(connection)


@pytest.mark.soak
async def test_nothing_that_was_acknowledged_is_lost_when_the_server_is_killed(
    victim: EmbeddedPostgres, data_dir: Path, settings: Settings, rounds: Rounds
) -> None:
    """No event lost, no order carried out twice, no gap; whoever asked again was answered."""
    database = replace(new_database(victim), embedded=victim)
    async with started(settings, database) as parts:
        load = Load(parts.ledger)
        clients = [asyncio.ensure_future(load.client(f"org-{n}")) for n in range(CLIENTS)]
        for _ in range(rounds(5)):
            await until(load.more(5 * CLIENTS))
            os.kill(postmaster_pid(data_dir), signal.SIGKILL)
            await until(load.more(CLIENTS))
        load.stop()
        await asyncio.gather(*clients)

    assert breaches(load.answers, entries(database.app_url)) == []


class Hopeful(Line):
    """The mutant: takes an unknown outcome for a success, and so acknowledges what it guesses."""

    async def send(self, appends: list[Append]) -> list[Appended]:
        """One try, and whatever comes of it is called an append."""
        try:
            return await super().send(appends)
        except psycopg.Error:
            await self.hang_up()
            return [
                Appended(
                    verdict="appended",
                    version=(append.expected or 0) + len(append.events),
                    first_position=1,
                    recorded_at=wall_clock(),
                    fingerprint=None,
                    response=None,
                    clock=wall_clock(),
                )
                for append in appends
            ]


async def test_a_ledger_that_guesses_when_the_server_is_killed_is_caught(
    victim: EmbeddedPostgres, data_dir: Path
) -> None:
    """It has told clients of events that are nowhere."""
    database = new_database(victim)
    clock = LedgerClock()
    journal = Journal(partial(connect, database.app_url), clock=clock, line=Hopeful)
    async with assembled(database, journal=journal, clock=clock) as mutant:
        load = Load(mutant.ledger)
        clients = [
            asyncio.ensure_future(load.client(f"org-{n}", with_ids=False)) for n in range(CLIENTS)
        ]
        await until(load.more(5 * CLIENTS))
        assert breaches(load.answers, entries(database.app_url)) == []
        os.kill(postmaster_pid(data_dir), signal.SIGKILL)
        await until(load.more(2 * CLIENTS))
        for client in clients:
            client.cancel()
            with suppress(asyncio.CancelledError):
                await client
    await asyncio.to_thread(victim.ensure)

    assert any(
        "lost an event" in breach for breach in breaches(load.answers, entries(database.app_url))
    )
