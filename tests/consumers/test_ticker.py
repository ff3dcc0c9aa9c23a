"""The boundary ticker over a real ledger: each boundary once, whoever ticks and whenever."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import datetime, timedelta

import psycopg
import pytest

from consumers.ticker import Ticker, order_for
from domain.commands import GrantAccess, StartTrial
from domain.facts import BoundaryCrossed, LedgerEvent, TrialEnding
from domain.ids import OrgId
from domain.instants import iso
from domain.refusals import Refusal, VersionMoved
from infra.database import Database
from infra.readiness import readiness
from infra.settings import Settings
from infra.store.mapper import read_fact
from infra.wiring import Parts, running
from projections.rebuild import rebuild_views
from projections.wakes import due_orgs
from tests.conftest import started
from tests.faults.proxy import Proxy
from tests.infra.store.orders import CRM, order, registration
from tests.infra.store.world import Connection, emptied, log, until

pytestmark = [pytest.mark.anyio, pytest.mark.one_server]

hour = timedelta(hours=1)
day = timedelta(days=1)


@pytest.fixture
def database(module_database: Database) -> Database:
    """The module's database, empty again for each test."""
    return emptied(module_database)


@pytest.fixture
async def other(settings: Settings, database: Database, parts: Parts) -> AsyncIterator[Parts]:
    """Another process over the database of `parts`."""
    async with running(settings, database) as other:
        yield other


def told(database: Database, *kinds: type[LedgerEvent]) -> list[tuple[str, LedgerEvent]]:
    """The facts of some kinds in the log, each with its org."""
    with psycopg.connect(database.owner_url) as owner:
        rows = log(owner)
    return [(row.stream, row.fact) for row in rows if isinstance(row.fact, kinds)]


def crossed(database: Database) -> list[tuple[str, str]]:
    """Each boundary that was told, with its org."""
    return [
        (stream, at)
        for stream, fact in told(database, BoundaryCrossed)
        if isinstance(fact, BoundaryCrossed)
        for at in fact.boundaries
    ]


async def on_trial(parts: Parts, *orgs: str, lasting: timedelta) -> datetime:
    """Orgs whose trials end at one instant, which it answers."""
    end = parts.clock.now() + lasting
    async with asyncio.TaskGroup() as group:
        for org in orgs:
            command = StartTrial(key=CRM, until=end)
            new = registration(org, command, presume_new=True)
            group.create_task(parts.ledger.execute(new))
    return end


async def test_a_trial_that_ended_while_nobody_ran_is_told(
    parts: Parts, database: Database
) -> None:
    end = await on_trial(parts, "1", lasting=hour)
    parts.clock.advance(day)

    assert await parts.ticker.drain() == 1

    assert crossed(database) == [("org-1", iso(end))]
    assert await parts.ticker.next_wake() is None
    assert await parts.ticker.drain() == 0


async def test_a_boundary_is_told_when_it_comes(
    parts: Parts, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The ticker hears of a nearer one while it sleeps, and would sleep on for long."""
    monkeypatch.setattr("consumers.ticker.LOOK_SECONDS", 3600.0)
    await on_trial(parts, "1", lasting=day)
    parts.ticker.start()
    await asyncio.sleep(0.2)

    end = await on_trial(parts, "2", lasting=timedelta(milliseconds=300))

    await until(lambda: crossed(database) == [("org-2", iso(end))])


async def test_twins_tell_each_boundary_once(
    parts: Parts, other: Parts, database: Database
) -> None:
    """Whatever the order in which two tickers come upon the same orgs."""
    orgs = [str(number) for number in range(1, 151)]
    end = await on_trial(parts, *orgs, lasting=8 * day)
    for step in (2 * day, 7 * day):
        for twin in (parts, other):
            twin.clock.advance(step)
        while (wake := await parts.ticker.next_wake()) and wake <= parts.clock.now():
            await asyncio.gather(parts.ticker.drain(), other.ticker.drain())

    assert sorted(crossed(database)) == sorted((f"org-{org}", iso(end)) for org in orgs)
    assert len(told(database, TrialEnding)) == len(orgs)
    assert await parts.ticker.next_wake() is None


async def test_a_twin_that_comes_late_changes_nothing(
    parts: Parts, other: Parts, database: Database
) -> None:
    """It read the org before the other one told; whatever its clock says by now."""
    await on_trial(parts, "1", lasting=hour)
    for twin in (parts, other):
        twin.clock.advance(day)
    async with other.ledger.reading() as connection:
        (late,) = await due_orgs(connection, now=other.clock.now(), after=None, limit=9)
    await parts.ticker.drain()

    with suppress(VersionMoved):  # unless it learns that it was carried out
        await other.ledger.execute(order_for(late))

    assert (await parts.table.get(OrgId("1"))).version == 3
    assert len(crossed(database)) == 1


async def test_a_ticker_that_was_down_over_several_boundaries_tells_all(
    parts: Parts, database: Database
) -> None:
    """Together, and of the notices the most urgent."""
    now = parts.clock.now()
    trial = StartTrial(key=CRM, until=now + 30 * day)
    grant = GrantAccess(key=CRM, source="plan:gold@3", starts=now + day, until=now + 2 * day)
    await parts.ledger.execute(registration("1", trial, grant))
    parts.clock.advance(28 * day)

    await parts.ticker.drain()

    assert [at for _, at in crossed(database)] == [iso(now + day), iso(now + 2 * day)]
    [(_, notice)] = told(database, TrialEnding)
    assert isinstance(notice, TrialEnding)
    assert (notice.days, notice.ends_at) == (3, now + 30 * day)


async def test_many_orgs_that_are_due_share_commits(parts: Parts, database: Database) -> None:
    """More than are looked up at once."""
    await on_trial(parts, *(str(number) for number in range(1, 301)), lasting=hour)
    parts.clock.advance(day)

    drained = 0
    while drained < 300:  # some may have to wait for a connection for too long
        drained += await parts.ticker.drain()

    assert drained == 300
    with psycopg.connect(database.owner_url) as owner:
        row = owner.execute(
            "SELECT count(DISTINCT recorded_at) FROM ledger.events WHERE topic = %s",
            (BoundaryCrossed.TOPIC,),
        ).fetchone()
    assert row is not None
    assert row[0] <= 30


async def test_one_org_that_cannot_be_ticked_does_not_hold_up_the_others(
    parts: Parts, database: Database
) -> None:
    """Not even one that is due for longer, whatever goes wrong with it."""
    await on_trial(parts, "1", lasting=hour)
    await on_trial(parts, "2", lasting=2 * hour)
    parts.clock.advance(day)

    async def execute(order: object) -> object:
        if getattr(order, "org", None) == OrgId("1"):
            raise ZeroDivisionError
        return await parts.ledger.execute(order)  # type: ignore[arg-type]

    ticker = Ticker(
        reading=parts.ledger.reading,
        execute=execute,  # type: ignore[arg-type]
        seen=parts.table.put,
        now=parts.clock.now,
    )
    assert await ticker.drain() == 1
    assert [stream for stream, _ in crossed(database)] == ["org-2"]


async def test_a_ticker_goes_on_when_the_ledger_is_back(
    settings: Settings, database: Database
) -> None:
    """While it is away nothing is told, and nothing is lost."""
    with Proxy(database.app_url) as proxy:
        where = Database(app_url=proxy.url, owner_url=database.owner_url, embedded=None)
        async with started(settings, where) as parts:
            end = await on_trial(parts, "1", lasting=hour)
            parts.ticker.start()
            proxy.cut()
            parts.clock.advance(day)
            with pytest.raises(Refusal):
                await parts.ticker.drain()
            assert crossed(database) == []

            proxy.mend()

            await until(lambda: crossed(database) == [("org-1", iso(end))])


async def test_a_clock_that_steps_back_tells_nothing_again(
    parts: Parts, database: Database
) -> None:
    """Case 27: what was crossed stays crossed, and `recorded_at` does not fall."""
    await on_trial(parts, "1", lasting=hour)
    parts.clock.advance(day)
    await parts.ticker.drain()
    now = parts.clock.now()

    parts.clock.tell(now - day - timedelta(seconds=5))
    await parts.ticker.drain()
    await parts.ledger.execute(order("1", GrantAccess(key=CRM)))
    await parts.ticker.drain()

    assert parts.clock.now() >= now
    assert len(crossed(database)) == 1
    with psycopg.connect(database.owner_url) as owner:
        recorded = [row.recorded_at for row in log(owner)]
    assert recorded == sorted(recorded)


async def test_nobody_needs_a_ticker(parts: Parts, database: Database) -> None:
    """Case 1: with the ticker stopped a cached trial is over all the same."""
    await on_trial(parts, "1", lasting=hour)
    entry = await parts.table.get(OrgId("1"))
    assert entry.judged(parts.shelf.catalog, parts.clock.now()).states[CRM].label == "trial"

    parts.clock.advance(hour)

    assert not parts.ticker.running
    judged = (await parts.table.get(OrgId("1"))).judged(parts.shelf.catalog, parts.clock.now())
    assert judged.states[CRM].label == "disabled"
    assert crossed(database) == []


async def test_what_was_told_is_in_the_views_and_they_are_rebuilt_to_the_same_bytes(
    parts: Parts, database: Database
) -> None:
    """With the column the ticker looks into."""
    await on_trial(parts, "1", lasting=hour)
    end = await on_trial(parts, "2", lasting=20 * day)
    parts.clock.advance(15 * day)
    await parts.ticker.drain()
    with psycopg.connect(database.owner_url, autocommit=True) as owner:
        before = rows(owner)
        assert [row[-1] for row in before] == [None, iso(end - 3 * day)]
        owner.execute("UPDATE ledger.current_entitlements SET state = '{}'")

        async with parts.ledger.reading() as connection:
            rebuilt = await rebuild_views(connection, read_fact=read_fact)

        assert rebuilt.rewritten == 2
        assert rows(owner) == before


def rows(owner: Connection) -> list[tuple[object, ...]]:
    return owner.execute(
        "SELECT org, state, wake_at FROM ledger.current_entitlements ORDER BY org"
    ).fetchall()


async def test_how_late_it_is_is_told(parts: Parts) -> None:
    """A number for an alarm; no decision waits for it, so the process is ready all the same."""
    await on_trial(parts, "1", lasting=hour)
    assert (await ticker_check(parts))["boundary_lag_seconds"] == 0.0

    parts.clock.advance(2 * hour)

    found = await ticker_check(parts)
    assert 3600 <= found["boundary_lag_seconds"] < 7200
    await parts.ticker.drain()
    assert (await ticker_check(parts))["boundary_lag_seconds"] == 0.0


async def ticker_check(parts: Parts) -> dict[str, float]:
    check = next(check for check in await readiness(parts) if check.name == "ticker")
    assert check.ok
    return check.facts


async def test_the_wake_is_looked_up_in_its_index(parts: Parts, database: Database) -> None:
    """However many orgs there are that nothing is due on."""
    await on_trial(parts, "1", lasting=hour)
    with psycopg.connect(database.owner_url) as owner:
        owner.execute("SET enable_seqscan = off")
        plan = owner.execute(
            "EXPLAIN SELECT min(wake_at) FROM ledger.current_entitlements"
        ).fetchall()
    assert "current_entitlements_by_wake" in str(plan)
