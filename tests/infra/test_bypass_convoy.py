"""Uses that wait at once share an append, and each is an event of its own all the same."""

import asyncio
from collections.abc import Sequence

import psycopg
import pytest

from domain.bypass import BYPASS_USES_STREAM, BypassRefused, BypassUsed, Use
from domain.ids import OrgId
from domain.refusals import Unavailable
from infra.bypass.convoy import MOST_AT_ONCE, Convoy
from infra.database import Database
from infra.store.append import Append, Appended
from infra.store.connections import connect
from infra.store.journal import Journal, Line
from infra.wiring import Parts
from tests.infra.store.orders import CRM, ROOT

pytestmark = [pytest.mark.anyio, pytest.mark.one_server]


def use(number: int) -> Use:
    return Use(org=OrgId("1"), key=CRM, denied_by="not_granted", route=f"GET /{number}")


def recorded(database: Database) -> list[tuple[int, int, str]]:
    """Position, version and route of every use in the log, in order."""
    with psycopg.connect(database.owner_url) as owner:
        return owner.execute(
            "SELECT position, version, convert_from(state, 'UTF8')::json ->> 'route'"
            "  FROM ledger.events WHERE stream = %s ORDER BY position",
            (BYPASS_USES_STREAM,),
        ).fetchall()


def commits_of(database: Database) -> int:
    """How many appends the uses came in."""
    with psycopg.connect(database.owner_url) as owner:
        row = owner.execute(
            "SELECT count(*) FROM ledger.commands WHERE stream = %s", (BYPASS_USES_STREAM,)
        ).fetchone()
    assert row is not None
    return int(row[0])


async def test_many_at_once_are_told_their_own_positions(parts: Parts, database: Database) -> None:
    """What each was answered is where its event stands; more than fit together go in turn."""
    numbers = range(MOST_AT_ONCE + 44)
    uses = parts.bypasses.uses
    positions = await asyncio.gather(*(uses.record(use(n), by=ROOT) for n in numbers))

    found = recorded(database)
    assert [(position, route) for position, _, route in found] == [
        (position, f"GET /{n}") for n, position in zip(numbers, positions, strict=True)
    ]
    assert [version for _, version, _ in found] == [n + 1 for n in numbers]
    assert commits_of(database) == 2


async def test_refusals_and_uses_go_together(parts: Parts, database: Database) -> None:
    """A denial where bypassing is not allowed is a fact of the same stream."""
    uses = parts.bypasses.uses
    await asyncio.gather(uses.record(use(1), by=ROOT), uses.refuse(use(2), why="strict", by=ROOT))

    with psycopg.connect(database.owner_url) as owner:
        topics = owner.execute(
            "SELECT topic FROM ledger.events WHERE stream = %s ORDER BY position",
            (BYPASS_USES_STREAM,),
        ).fetchall()
    assert topics == [(BypassUsed.TOPIC,), (BypassRefused.TOPIC,)]
    assert commits_of(database) == 1


async def test_one_that_cannot_be_written_takes_no_others_with_it(
    parts: Parts, database: Database
) -> None:
    """Only whoever asked for it hears of it."""
    odd = Use(org=OrgId("1"), key=CRM, denied_by="not_granted", route="GET /\ud800")
    asked = [use(1), odd, use(2)]
    outcomes = await asyncio.gather(
        *(parts.bypasses.uses.record(each, by=ROOT) for each in asked), return_exceptions=True
    )

    assert isinstance(outcomes[1], UnicodeEncodeError)
    assert [outcomes[0], outcomes[2]] == [position for position, *_ in recorded(database)]


async def test_one_that_gave_up_waiting_leaves_the_others_be(
    parts: Parts, database: Database
) -> None:
    """It may be on record all the same: more was recorded than was used, never less."""
    tasks = [asyncio.ensure_future(parts.bypasses.uses.record(use(n), by=ROOT)) for n in range(3)]
    await asyncio.sleep(0)
    tasks[1].cancel()
    first, gone, last = await asyncio.gather(*tasks, return_exceptions=True)

    assert isinstance(gone, asyncio.CancelledError)
    places = {route: position for position, _, route in recorded(database)}
    assert (places["GET /0"], places["GET /2"]) == (first, last)


class Forgetful(Line):
    """Appends, and loses the reply of the first append."""

    lost = False

    async def send(self, appends: list[Append]) -> list[Appended]:
        outcomes = await super().send(appends)
        if not self.lost:
            self.lost = True
            raise psycopg.OperationalError("the connection went")
        return outcomes


async def test_a_lost_reply_records_nothing_twice(parts: Parts, database: Database) -> None:
    """The same append is sent again, and answers the positions it came to before."""
    journal = Journal(lambda: connect(database.app_url), clock=parts.clock, line=Forgetful)
    convoy = Convoy(journal, stream=BYPASS_USES_STREAM, clock=parts.clock)
    journal.start()
    try:
        positions = await asyncio.gather(*(_append(convoy, n) for n in range(5)))
    finally:
        await journal.close()

    assert [position for position, *_ in recorded(database)] == positions


async def test_without_a_journal_nobody_is_let_in(parts: Parts, database: Database) -> None:
    """All of those that waited together are turned away, and so are those that come later."""
    journal = Journal(lambda: connect(database.app_url), clock=parts.clock)
    convoy = Convoy(journal, stream=BYPASS_USES_STREAM, clock=parts.clock)
    for _ in range(2):
        outcomes: Sequence[int | BaseException] = await asyncio.gather(
            *(_append(convoy, n) for n in range(5)), return_exceptions=True
        )
        assert [type(outcome) for outcome in outcomes] == [Unavailable] * 5
    assert recorded(database) == []


async def _append(convoy: Convoy, number: int) -> int:
    wanted = use(number)
    return await convoy.append(
        BypassUsed,
        by=ROOT,
        org=wanted.org,
        key=wanted.key,
        denied_by=wanted.denied_by,
        permission=wanted.permission,
        route=wanted.route,
        session_id=None,
    )
