"""A batch that is cut off, overtaken or run twice at once: each org whole, and once."""

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from domain.batches import BatchCut, Settled
from domain.catalog import Key
from domain.commands import GrantAccess
from domain.orders import Answer, Order
from domain.refusals import Unavailable
from infra.batches import Batches
from infra.database import Database
from infra.wiring import Parts
from tests.infra.batches.world import ROOT, grants, read, register, versions

pytestmark = [pytest.mark.anyio, pytest.mark.one_server]

MANY = range(1, 801)  # more than are carried out at once
BATCH = "batch-of-this-test"
SOON = (datetime.now(UTC) + timedelta(days=14)).isoformat()


def batches_of(parts: Parts, ledger: Any = None) -> Batches:
    """The batches of a running ledger, or of one that stands before it."""
    return Batches(ledger=ledger or parts.ledger, table=parts.table)


class Before:
    """A ledger that lets something happen before it carries out an order for real."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def happens(self, order: Order) -> None:
        """Whatever a test wants."""

    async def execute(self, order: Order) -> Answer:
        """Let it happen, then carry out the order."""
        if not order.dry_run:
            await self.happens(order)
        return await self._parts.ledger.execute(order)

    def reading(self) -> Any:
        """As the ledger's."""
        return self._parts.ledger.reading()


async def test_a_batch_that_was_cancelled_in_the_middle_goes_on(parts: Parts) -> None:
    """No org twice, none half, none left out."""
    await register(parts, MANY)
    rows = grants(MANY)
    under_way = asyncio.Event()

    def told(settled: Any) -> None:
        under_way.set()

    task = asyncio.create_task(batches_of(parts).apply(rows, batch_id=BATCH, told=told))
    await under_way.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    again = await batches_of(parts).apply(rows, batch_id=BATCH)

    found = Counter(result.outcome for result in again.results)
    assert set(found) == {"known", "changed"}
    assert found.total() == len(MANY)
    assert await versions(parts, MANY) == [2] * len(MANY)


async def test_a_batch_whose_ledger_goes_away_tells_under_which_id_it_goes_on(
    parts: Parts,
) -> None:
    """What was applied stays."""

    class Leaves(Before):
        left = 300

        async def happens(self, order: Order) -> None:
            self.left -= 1
            if self.left < 0:
                raise Unavailable("The ledger's database went away.")

    await register(parts, MANY)
    rows = grants(MANY)

    with pytest.raises(BatchCut) as cut:
        await batches_of(parts, Leaves(parts)).apply(rows, batch_id=BATCH)

    assert cut.value.facts["batch_id"] == BATCH
    again = await batches_of(parts).apply(rows, batch_id=BATCH)
    found = Counter(result.outcome for result in again.results)
    assert found["known"] >= 1
    assert found["known"] + found["changed"] == len(MANY)
    assert await versions(parts, MANY) == [2] * len(MANY)


async def test_a_hiccup_of_the_database_does_not_cut_off_a_batch(parts: Parts) -> None:
    """Also where what was asked had been recorded all the same."""

    class Hiccups(Before):
        def __init__(self, parts: Parts) -> None:
            super().__init__(parts)
            self.seen: set[str] = set()

        async def happens(self, order: Order) -> None:
            if order.org in self.seen:
                return
            self.seen.add(order.org)
            if int(order.org) % 2:
                await self._parts.ledger.execute(order)
            raise Unavailable("Whether this was recorded could not be found out yet.")

    orgs = range(1, 11)
    await register(parts, orgs)

    done = await batches_of(parts, Hiccups(parts)).apply(grants(orgs), batch_id=BATCH)

    assert {(result.outcome, result.org_version) for result in done.results} == {("changed", 2)}
    assert await versions(parts, orgs) == [2] * len(orgs)


async def test_the_same_batch_twice_at_once_acts_once(parts: Parts) -> None:
    """Whoever is second learns what the first did, also where it alone would have been refused."""
    orgs = range(1, 41)
    await register(parts, orgs)
    started = [{"org": org, "command": "start-trial", "key": "crm", "until": SOON} for org in orgs]
    await batches_of(parts).apply(read(started), batch_id="the-trials")
    rows = read([{"org": org, "command": "convert-trial", "key": "crm"} for org in orgs])

    class Overtaken(Before):
        """Carries out each order just before it is carried out: as another process would."""

        async def happens(self, order: Order) -> None:
            await self._parts.ledger.execute(order)

    first = await batches_of(parts, Overtaken(parts)).apply(rows, batch_id=BATCH)

    assert {result.outcome for result in first.results} == {"known"}
    assert await versions(parts, orgs) == [3] * len(orgs)


async def test_an_org_that_moves_after_the_plan_was_found_good_is_refused_alone(
    parts: Parts,
) -> None:
    """The others are applied as planned."""

    class Moves(Before):
        async def happens(self, order: Order) -> None:
            if order.org == "2":
                grant = GrantAccess(key=Key("erp"))
                await self._parts.ledger.execute(Order(org=order.org, commands=[grant], by=ROOT))

    await register(parts, (1, 2, 3))
    rows = grants((1, 2, 3))
    plan = (await batches_of(parts).apply(rows, batch_id=BATCH, dry_run=True)).plan_token

    done = await batches_of(parts, Moves(parts)).apply(rows, batch_id=BATCH, plan_token=plan)

    assert [(r.outcome, r.code) for r in done.results] == [
        ("changed", None),
        ("refused", "plan_moved"),
        ("changed", None),
    ]
    assert await versions(parts, (1, 2, 3)) == [2, 2, 2]


async def test_a_preview_of_a_batch_that_was_done_in_part_says_so(parts: Parts) -> None:
    """Its plan applies to what is left."""
    await register(parts, (1, 2))
    await batches_of(parts).apply(grants([1]), batch_id=BATCH)

    preview = await batches_of(parts).apply(grants([1, 2]), batch_id=BATCH, dry_run=True)
    done = await batches_of(parts).apply(
        grants([1, 2]), batch_id=BATCH, plan_token=preview.plan_token
    )

    for found in (preview, done):
        assert [result.outcome for result in found.results] == ["known", "changed"]


async def test_progress_is_told_of_every_org(parts: Parts) -> None:
    """Once each."""
    await register(parts, MANY)
    told: list[Settled] = []

    await batches_of(parts).apply(grants(MANY), batch_id=BATCH, told=told.extend)

    assert sorted(int(one.work.org) for one in told) == list(MANY)


async def test_an_org_whose_history_cannot_be_read_is_not_undone(
    parts: Parts, database: Database
) -> None:
    """A newer version wrote to it; the others are undone."""
    await register(parts, (1, 2))
    await batches_of(parts).apply(grants([1, 2]), batch_id=BATCH)
    with psycopg.connect(database.owner_url) as owner:
        owner.execute("ALTER TABLE ledger.events DISABLE TRIGGER immutable")
        owner.execute(
            "UPDATE ledger.events SET topic = 'entitlements.NotYetInvented.v1'"
            " WHERE stream = 'org-1' AND version = 1"
        )

    undone = await batches_of(parts).undo(BATCH, by=ROOT)

    held, done = undone.settled
    assert held.refusal is not None
    assert held.refusal.code == "unknown_fact"
    assert done.answer is not None
    assert done.answer.changed
