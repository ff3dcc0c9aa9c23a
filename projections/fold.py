"""Folds of the log: each org's events in one go, and what its inline view rows must be."""

from collections.abc import AsyncIterator, Callable, Sequence
from typing import NamedTuple

from psycopg import AsyncConnection

from domain.facts import LedgerEvent
from domain.ids import OrgId, Stream, org_of
from domain.org import Org, rebuild
from projections import current, legacy

EVERY_ORG = ("org-", "org-~")  # what the streams of orgs lie between
_PAGE_EVENTS = 5_000

ReadFact = Callable[[Stream, int, str, bytes], LedgerEvent | None]
"""The fact at a place of a stream, of a topic and with a body; None for an unknown topic."""


_PAGE = """
    SELECT stream, version, position, topic, state FROM ledger.events
     WHERE (stream, version) > (%s, %s) AND stream BETWEEN %s AND %s
     ORDER BY stream, version LIMIT %s
"""


class Event(NamedTuple):
    """One row of the log."""

    stream: Stream
    version: int
    position: int
    topic: str
    state: bytes


class Fold(NamedTuple):
    """What both views hold of an org after all of its events."""

    name: str
    version: int
    position: int
    state: bytes
    granted: str


async def orgs(
    connection: AsyncConnection, *, between: tuple[str, str]
) -> AsyncIterator[tuple[OrgId, list[Event]]]:
    """Each org with all of its events in order."""
    events: list[Event] = []
    place = ("", 0)
    while True:
        cursor = await connection.execute(_PAGE, (*place, *between, _PAGE_EVENTS))
        page = await cursor.fetchall()
        for row in page:
            event = Event(*row)
            if events and event.stream != events[0].stream:
                yield _org(events), events
                events = []
            events.append(event)
        if len(page) < _PAGE_EVENTS:
            break
        place = (events[-1].stream, events[-1].version)
    if events:
        yield _org(events), events


def _org(events: Sequence[Event]) -> OrgId:
    org = org_of(events[0].stream)
    assert org is not None
    return org


def folded(events: Sequence[Event], *, read_fact: ReadFact) -> Fold | None:
    """What the events add up to, None when one of them cannot be read."""
    facts = [read_fact(e.stream, e.version, e.topic, e.state) for e in events]
    known = [fact for fact in facts if fact is not None]
    if len(known) < len(facts):
        return None
    org = rebuild(Org.blank(events[0].stream), known)
    return Fold(
        name=org.name,
        version=org.version,
        position=events[-1].position,
        state=current.written(org),
        granted=legacy.written(org),
    )
