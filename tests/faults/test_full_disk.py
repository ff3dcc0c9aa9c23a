"""The ledger's disk is full: decisions go on, writes are refused, nobody is let in off the record.

It is filled while callers bypass, and emptied again: then work goes on by itself.
"""

import asyncio
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest

from domain.bypass import Use
from domain.ids import OrgId
from domain.refusals import Unavailable
from infra.bypass.uses import Uses
from infra.database import Database
from infra.migrations.run import migrate
from infra.postgres.embedded import EmbeddedPostgres
from infra.settings import Settings
from tests.api.calls import REASON
from tests.conftest import SECRET, started
from tests.faults.conftest import Rounds
from tests.faults.small_disk import SmallDisk, mounted
from tests.faults.test_bypass import Hasty, on_record
from tests.infra.store.orders import CRM, ROOT
from tests.infra.store.world import until
from tests.live import LiveServer

pytestmark = [pytest.mark.anyio, pytest.mark.one_server]

PATIENCE = 60.0  # seconds; a deadline for a machine that is busy, and no claim about speed
CALLERS = 10
BYPASS = "/api/v1/bypass/uses"
GRANT = "/api/v1/orgs/4711/commands/grant"


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallDisk]:
    """A disk that is full now and then."""
    with mounted(tmp_path_factory.mktemp("full") / "disk") as disk:
        yield disk


@pytest.fixture(scope="module")
def database(disk: SmallDisk) -> Iterator[Database]:
    """A database on it."""
    with EmbeddedPostgres.hold(disk.path / "postgres") as held:
        migrate(held.owner_url)
        yield Database(app_url=held.app_url, owner_url=held.owner_url, embedded=held)


class Callers:
    """Super admins that bypass again and again, and what became of it."""

    def __init__(self, uses: Uses, *, name: str) -> None:
        self.allowed: set[str] = set()
        self.refused = 0
        self._uses = uses
        self._name = name
        self._is_over = False

    async def call(self, number: int) -> None:
        """One caller."""
        step = 0
        while not self._is_over:
            step += 1
            route = f"GET /{self._name}/{number}/{step}"
            try:
                await self._uses.record(
                    Use(org=OrgId("1"), key=CRM, denied_by="not_granted", route=route), by=ROOT
                )
            except Unavailable:
                self.refused += 1
                await asyncio.sleep(0.02)
            else:
                self.allowed.add(route)
            await asyncio.sleep(0)

    def stop(self) -> None:
        self._is_over = True

    def more(self) -> tuple[Callable[[], bool], Callable[[], bool]]:
        """Whether more were allowed, or refused, since this was asked for."""
        allowed, refused = len(self.allowed) + 2 * CALLERS, self.refused + 2 * CALLERS
        return lambda: len(self.allowed) >= allowed, lambda: self.refused >= refused


async def through_a_full_disk(callers: Callers, disk: SmallDisk, *, rounds: int) -> None:
    """Fill and empty the disk under the callers, each time until both have been seen."""
    tasks = [asyncio.ensure_future(callers.call(number)) for number in range(CALLERS)]
    try:
        for _ in range(rounds):
            await until(callers.more()[0])
            await asyncio.to_thread(disk.fill)
            await until(callers.more()[1])
            disk.empty()
            await until(callers.more()[0])
    finally:
        disk.empty()
        callers.stop()
        await asyncio.gather(*tasks)


@pytest.mark.soak
async def test_no_access_off_the_record_while_the_disk_is_full(
    disk: SmallDisk, database: Database, settings: Settings, rounds: Rounds
) -> None:
    """Whoever was let in before, meanwhile and afterwards stands in the log."""
    async with started(settings, database) as parts:
        callers = Callers(parts.bypasses.uses, name="sound")
        await through_a_full_disk(callers, disk, rounds=rounds(2, at_hundred=20))

        assert callers.refused
        assert callers.allowed <= await on_record(parts)


async def test_whoever_records_afterwards_is_caught(
    disk: SmallDisk, database: Database, settings: Settings
) -> None:
    """The mutant lets in at once; on a full disk the record never comes."""
    async with started(settings, database) as parts:
        bypasses = parts.bypasses
        hasty = Hasty(
            bypasses.notes, bypasses.convoy, sessions=bypasses.sessions, clock=parts.clock
        )
        await asyncio.to_thread(disk.fill)
        try:
            allowed, lost = set[str](), False
            deadline = time.monotonic() + PATIENCE
            while not lost and time.monotonic() < deadline:
                route = f"GET /hasty/{len(allowed)}"
                use = Use(org=OrgId("1"), key=CRM, denied_by="not_granted", route=route)
                assert await hasty.record(use, by=ROOT) == 0
                allowed.add(route)
                [outcome] = await asyncio.gather(hasty.later, return_exceptions=True)
                lost = isinstance(outcome, Unavailable)
        finally:
            disk.empty()

        assert not allowed <= await on_record(parts)


def test_decisions_go_on_and_writes_are_unavailable(
    disk: SmallDisk, database: Database, tmp_path: Path
) -> None:
    """Over HTTP: a full disk is a 503 for whoever changes something, and nothing to the others."""
    settings = Settings(
        data_dir=tmp_path,
        jwt_secret=SECRET,
        database_url=database.app_url,
        migration_database_url=database.owner_url,
    )
    with LiveServer(settings) as live:
        staff, service = live.as_role("super_admin", sub="root"), live.as_role("service", sub="s")
        body = {"id": 4711, "name": "Org 4711", "reason": REASON}
        assert staff.post("/api/v1/admin/orgs", json=body).status_code == 201
        disk.fill()
        try:
            for path, numbered in ((BYPASS, bypassing), (GRANT, granting)):
                refused = until_refused(staff, path, numbered)
                assert refused.status_code == 503, refused.text
                assert refused.json()["code"] == "entitlement_unavailable"
                assert "Retry-After" in refused.headers
            asked = {"org": 4711, "key": "crm"}
            decided = service.post("/api/v1/check", json=asked)
            assert (decided.status_code, decided.json()["code"]) == (200, "entitlement_denied")
            assert service.get("/api/v1/orgs/4711/snapshot").status_code == 200
        finally:
            disk.empty()
        again = staff.post(GRANT, json=granting(0))
        assert again.status_code == 200, again.text


def bypassing(number: int) -> dict[str, Any]:
    return {"org": 4711, "key": "crm", "route": f"GET /{number}", "reason": REASON}


def granting(number: int) -> dict[str, Any]:
    return {"key": "hr", "source": f"promo:{number}", "reason": REASON}


def until_refused(
    client: httpx.Client, path: str, numbered: Callable[[int], dict[str, Any]]
) -> httpx.Response:
    """Ask until there is no room left for more: the last pages may have some."""
    deadline = time.monotonic() + PATIENCE
    numbers = count(1)
    while True:
        answer = client.post(path, json=numbered(next(numbers)))
        if answer.status_code != 200 or time.monotonic() > deadline:
            return answer
