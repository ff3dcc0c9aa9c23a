"""Sessions and counts of the bypass, with a clock of their own: expiry, strictness, twins."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta

import pytest

from domain.bypass import BYPASS_USES_STREAM, SessionOver, Use, session_stream
from domain.catalog import Key
from domain.ids import OrgId
from infra.bypass import Bypasses
from infra.clock import LedgerClock
from infra.database import Database
from infra.store.connections import connect
from infra.store.journal import Journal
from infra.store.mapper import read_fact
from infra.wiring import Parts
from projections.history import recorded_in
from tests.infra.store.orders import CRM, ROOT
from tests.infra.store.world import until

pytestmark = [pytest.mark.anyio, pytest.mark.one_server]

ORG = OrgId("1042")


class SetClock(LedgerClock):
    """A clock that a test sets forward."""

    ahead = timedelta()

    def now(self) -> datetime:
        return super().now() + self.ahead


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
async def bypasses(database: Database, parts: Parts, clock: SetClock) -> AsyncIterator[Bypasses]:
    """The bypass of a process whose clock is set by the test."""
    journal = Journal(lambda: connect(database.app_url), clock=LedgerClock())
    journal.start()
    try:
        yield Bypasses(journal, clock=clock, reading=parts.ledger.reading, allowed=True, never=())
    finally:
        await journal.close()


async def facts_of(parts: Parts, stream: str) -> list[str]:
    async with parts.ledger.reading() as connection:
        found = await recorded_in(connection, stream, decode=read_fact, known_at=None)
    return [entry.fact.TOPIC.split(".")[1] for entry in found]


async def test_a_session_comes_to_its_end_by_itself(
    parts: Parts, bypasses: Bypasses, clock: SetClock
) -> None:
    """At its end it lets nobody in, whoever notes that; and it is noted once."""
    session = await bypasses.sessions.open(ORG, minutes=60, by=ROOT)
    who = ROOT.actor.id
    clock.ahead = timedelta(minutes=59)
    assert await bypasses.sessions.running(session.id, org=ORG, actor=who) == session
    assert await bypasses.sessions.expire() == 0

    clock.ahead = timedelta(minutes=60)
    with pytest.raises(SessionOver):
        await bypasses.sessions.running(session.id, org=ORG, actor=who)
    assert await bypasses.sessions.expire() == 1
    assert await bypasses.sessions.expire() == 0
    assert await facts_of(parts, session_stream(session.id)) == [
        "BypassSessionOpened",
        "BypassSessionExpired",
    ]


async def test_another_process_that_closes_a_session_is_heard_of(
    parts: Parts, bypasses: Bypasses
) -> None:
    """The feed tells that the session moved, so what was held is dropped."""
    session = await parts.bypasses.sessions.open(ORG, minutes=60, by=ROOT)
    await bypasses.sessions.close(session.id, by=ROOT)

    use = Use(org=ORG, key=CRM, denied_by="not_granted")
    later = await bypasses.uses.record(use, by=ROOT)
    assert later is not None
    await until(lambda: parts.feed.position >= later)
    assert (await parts.bypasses.sessions.find(session.id)).closed_at is not None


async def test_counted_uses_follow_into_the_log(
    parts: Parts, bypasses: Bypasses, clock: SetClock
) -> None:
    """Once the minute is over: one event for the first, one for the number of the others."""
    use = Use(org=ORG, key=CRM, denied_by="not_granted", session_id="a-session")
    positions = [await bypasses.uses.record(use, by=ROOT) for _ in range(5)]
    assert [position is None for position in positions] == [False, True, True, True, True]

    await bypasses.uses.write_counts(before=clock.now() - timedelta(minutes=1))
    assert await facts_of(parts, BYPASS_USES_STREAM) == ["BypassUsed"]
    await bypasses.uses.write_counts()
    await bypasses.uses.write_counts()
    assert await facts_of(parts, BYPASS_USES_STREAM) == ["BypassUsed", "BypassUsesCounted"]


@pytest.mark.parametrize(
    ("allowed", "never", "why"),
    [
        (True, (), None),
        (True, ("hr",), None),
        (True, ("crm",), "this ledger never lets it be bypassed"),
        (True, ("crm.leads",), "this ledger never lets it be bypassed"),
        (False, (), "this ledger is strict, no key is ever bypassed"),
    ],
)
async def test_some_keys_are_never_bypassed(
    database: Database, parts: Parts, allowed: bool, never: tuple[str, ...], why: str | None
) -> None:
    """By name, with all submodules, or altogether."""
    journal = Journal(lambda: connect(database.app_url), clock=LedgerClock())
    strict = Bypasses(
        journal, clock=parts.clock, reading=parts.ledger.reading, allowed=allowed, never=never
    )
    assert strict.forbidden(Key("crm.leads")) == why
