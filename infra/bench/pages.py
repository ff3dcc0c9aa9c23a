"""Pages of the audit log, the first and one from far back, at two lengths of the log."""

from dataclasses import replace
from math import log
from typing import Any

from psycopg import AsyncConnection

from domain.facts import AuditRead, GrantEnded
from infra.bench.crowd import PART, Crowd
from infra.bench.figures import Figure, Target
from infra.bench.ground import Ground
from infra.bench.lives import BUSY, CRAWLER, POPULAR
from infra.bench.population import crawled
from infra.bench.rounds import Arm, arm, closed_loop, in_turns, require
from infra.bench.taken import Taken
from infra.store.connections import connect
from projections.audit import find_events
from projections.audit_pages import AuditQuery

PAGE = 50
_P50 = Target(of="value", sense="at most", bound=3.0)
_P99 = Target(of="value", sense="at most", bound=20.0)
_DEEP = Target(of="ratio", sense="at most", bound=1.5)
_KEY = "a page by the log's key"


def questions(events: int) -> dict[str, AuditQuery]:
    """What is asked, by what it is called."""
    starts, ends = crawled(events)
    return {
        "one org's history": AuditQuery(org=BUSY),
        "an actor's week": AuditQuery(
            actor=CRAWLER, types=(AuditRead.TOPIC,), starts=starts, ends=ends
        ),
        "a module's revocations": AuditQuery(key=POPULAR, types=(GrantEnded.TOPIC,)),
    }


async def pages(ground: Ground, small: Crowd, large: Crowd) -> list[Figure]:
    """Each at the database, without decoding, beside a page of the bare log in the same round."""
    async with (
        await connect(small.where.app_url) as few,
        await connect(large.where.app_url) as many,
    ):
        arms = await _arms(ground, few, small) | await _arms(ground, many, large)
        taken = Taken(PART, await in_turns(arms, rounds=ground.sizes.few_rounds, told=ground.told))
    no_faster = Target(of="ratio", sense="at most", bound=log(large.events) / log(small.events))
    figures = []
    for what in questions(large.events):
        first, deep = _name(what, 1, large), _name(what, _deep(large), large)
        key = _name(_KEY, 1, large)
        figures += [
            taken.latency(first, 50, against=key, target=_P50),
            taken.latency(first, 99, against=key, target=_P99),
            taken.latency(deep, 50, against=first, target=_DEEP),
            taken.latency(deep, 99, against=key, target=_P99),
            taken.latency(first, 50, against=_name(what, 1, small), target=no_faster),
            taken.latency(deep, 50, against=_name(what, _deep(small), small), target=no_faster),
        ]
    return figures


async def _arms(ground: Ground, connection: AsyncConnection, made: Crowd) -> dict[str, Arm]:
    arms: dict[str, Arm] = {}
    asked = {_KEY: AuditQuery()} | questions(made.events)
    for what, query in asked.items():
        numbers = (1,) if what == _KEY else (1, _deep(made))
        for number in numbers:
            page = replace(query, limit=PAGE)
            if number > 1:
                page = replace(page, after=await _last_before(connection, query, number))
            found = await find_events(connection, page, decode=_as_stored)
            require(len(found) == PAGE, (what, number, len(found)))
            arms[_name(what, number, made)] = _reading(ground, connection, page)
    return arms


def _reading(ground: Ground, connection: AsyncConnection, page: AuditQuery) -> Arm:
    async def read(_: int) -> object:
        return await find_events(connection, page, decode=_as_stored)

    return arm(closed_loop, read, waiting=1, seconds=ground.sizes.seconds / 2)


async def _last_before(connection: AsyncConnection, query: AuditQuery, number: int) -> int:
    """The position that the page before the one of that number ends with."""
    rest, last = (number - 1) * PAGE, None
    while rest > 0:
        page = replace(query, after=last, limit=min(rest, 1_000))
        found = await find_events(connection, page, decode=_as_stored)
        require(len(found) == page.limit, (number, rest))
        last, rest = found[-1].position, rest - page.limit
    assert last is not None
    return last


def _deep(made: Crowd) -> int:
    """The number of the far page: the thousandth of a million events."""
    return made.events // 1_000


def _name(what: str, number: int, made: Crowd) -> str:
    return f"{what}, page {number:,}, {made.events:,} events"


def _as_stored(stream: str, version: int, topic: str, state: bytes) -> Any:
    return state
