"""What was so at any instant, as known at any other, is what a replay of the prefix gives.

Random histories of one org, with time passing and catalogs published in the middle of them, are put
into the log; then it is asked through the database about every boundary and its neighbours.
"""

import asyncio
from collections.abc import Coroutine, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import count
from typing import Any, ClassVar, TypeVar

import psycopg
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule, run_state_machine_as_test

from domain.catalog import Catalog, Module
from domain.catalog_document import write_catalog
from domain.commands import Command, Context
from domain.decide import Outcome
from domain.effective import effective_map
from domain.facts import CatalogPublished, LedgerEvent, common
from domain.history import History
from domain.ids import CATALOG_STREAM, OrgId
from domain.refusals import UnknownOrg
from infra.database import Database
from infra.histories import Histories
from infra.store.connections import connect
from infra.store.mapper import fact_body
from tests.domain import histories as lives
from tests.domain.oracle import RULES, Oracle, Rules, both
from tests.domain.world import CATALOG, FORECASTS, HR, LEADS, MANUFACTURING, SUPER_ADMIN, day, us
from tests.infra.integrity.world import over

pytestmark = pytest.mark.one_server

T = TypeVar("T")
ORG = OrgId("1042")
_INSERT = """
    INSERT INTO ledger.events (position, stream, version, event_id, topic, state, recorded_at, hash)
    VALUES (%s, %s, %s, %s, %s, %s, %s, '')
"""


def changed(key: str, **fields: Any) -> Catalog:
    """The catalog of the tests, with another opinion about one key."""

    def module(found: Module) -> Module:
        subs = tuple(
            replace(sub, **fields) if f"{found.key}.{sub.key}" == key else sub
            for sub in found.submodules
        )
        return replace(found, submodules=subs, **(fields if found.key == key else {}))

    return replace(CATALOG, modules=tuple(module(found) for found in CATALOG.modules))


# Each catalog beside what it says, told once more in plain words.
CATALOGS: list[tuple[Catalog, Rules]] = [
    (CATALOG, RULES),
    (changed(HR, is_active=False), RULES | {"retired": {*RULES["retired"], HR}}),
    (changed(LEADS, on_by_default=False), RULES | {"off": {*RULES["off"], LEADS}}),
    (changed(FORECASTS, on_by_default=True), RULES | {"off": RULES["off"] - {FORECASTS}}),
    (
        changed(MANUFACTURING, kind="always_on"),
        RULES | {"exempt": {*RULES["exempt"], MANUFACTURING}},
    ),
]


class AsOf(lives.Histories):
    """A history that also goes into a log; at its end everything is asked of that.

    `told` is the log as the second opinion hears of it: when something was recorded, and what.
    """

    connection: ClassVar[psycopg.AsyncConnection]
    runner: ClassVar[asyncio.Runner]

    def __init__(self) -> None:
        self.log: list[tuple[datetime, LedgerEvent]] = []
        self.told: list[tuple[datetime, LedgerEvent | Rules]] = []
        self.delay = 0 * us
        super().__init__()

    @initialize()
    def there_is_a_catalog(self) -> None:
        self.put(0)

    @rule(delay=st.sampled_from([0 * us, us, timedelta(milliseconds=3)]))
    def the_database_takes_its_time(self, delay: timedelta) -> None:
        self.delay = delay

    @rule(number=st.integers(1, len(CATALOGS) - 1), step=lives.steps)
    def publish(self, number: int, step: timedelta) -> None:
        self.now += step
        self.put(number)

    @rule(step=lives.steps)
    def publish_the_first_again(self, step: timedelta) -> None:
        self.now += step
        self.put(0)

    def put(self, number: int) -> None:
        version = 1 + sum(fact.originator_id == CATALOG_STREAM for _, fact in self.log)
        catalog, rules = CATALOGS[number]
        self.catalog = replace(catalog, version=version)
        place: dict[str, Any] = {"originator_id": CATALOG_STREAM, "originator_version": version}
        content = {"document": write_catalog(self.catalog), "changes": [], "forced": False}
        provenance = common(now=self.now, by=SUPER_ADMIN, effective_at=self.now)
        self.record(CatalogPublished(**place, **provenance, **content), rules)

    def decided(
        self, command: Command, outcome: Outcome, context: Context, *, before: Oracle
    ) -> None:
        for fact in outcome.facts:
            self.record(fact, fact)

    def record(self, fact: LedgerEvent, told: LedgerEvent | Rules) -> None:
        before = self.log[-1][0] if self.log else self.now
        recorded_at = max(before, self.now + self.delay)
        self.log.append((recorded_at, fact))
        self.told.append((recorded_at, told))

    def teardown(self) -> None:
        self.run(self.written())
        asked = Histories(over(self.connection))
        for known_at in sorted({*both((at for at, _ in self.log), apart=us), self.now + 9 * day}):
            oracle = self.oracle_at(known_at)
            if oracle is None:
                with pytest.raises(UnknownOrg):
                    self.run(asked.of(ORG, known_at=known_at))
                continue
            history = self.run(asked.of(ORG, known_at=known_at))
            for at in self.instants(oracle):
                self.agree(asked, history, oracle, at=at, known_at=known_at)

    def agree(
        self,
        asked: Histories,
        history: History,
        oracle: Oracle,
        *,
        at: datetime,
        known_at: datetime,
    ) -> None:
        catalog = self.run(asked.catalog_at(min(at, known_at)))
        states = effective_map(history.lanes, catalog, at)
        expected = oracle.states(at, self.rules_at(min(at, known_at)))
        assert {key: state.label for key, state in states.items()} == expected, (at, known_at)

    def instants(self, oracle: Oracle) -> Iterator[datetime]:
        """Where anything begins, ends or is published, and both neighbours."""
        published = {at for at, told in self.told if isinstance(told, dict)}
        edges = {*oracle.boundaries(since=self.log[0][0] - 900 * day), *published}
        return both(sorted(edges), apart=us)

    def oracle_at(self, known_at: datetime) -> Oracle | None:
        """A second opinion that has heard what was recorded by then; None: nothing of the org."""
        facts = [told for at, told in self.told if at <= known_at and isinstance(told, LedgerEvent)]
        oracle = Oracle()
        for fact in facts:
            oracle.hear(fact.TOPIC, vars(fact))
        return oracle if facts else None

    def rules_at(self, at: datetime) -> Rules:
        """What the last catalog by then says, the first one for anything earlier."""
        published = [(when, told) for when, told in self.told if isinstance(told, dict)]
        return ([rules for when, rules in published if when <= at] or [published[0][1]])[-1]

    async def written(self) -> None:
        await self.connection.execute("DELETE FROM ledger.events")
        rows = [
            (
                position,
                fact.originator_id,
                fact.originator_version,
                fact.event_id,
                fact.TOPIC,
                fact_body(fact),
                at,
            )
            for position, (at, fact) in zip(count(1), self.log, strict=False)
        ]
        async with self.connection.cursor() as cursor:
            await cursor.executemany(_INSERT, rows)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)


@pytest.fixture
def over_database(database: Database) -> Iterator[type[AsOf]]:
    """The machine over a log that may be emptied."""
    with asyncio.Runner() as runner:
        connection = runner.run(connect(database.owner_url))
        runner.run(_without_guard(connection))
        yield type("OverDatabase", (AsOf,), {"connection": connection, "runner": runner})
        runner.run(connection.close())


async def _without_guard(connection: psycopg.AsyncConnection) -> None:
    await connection.execute("RESET ROLE")
    await connection.execute("ALTER TABLE ledger.events DISABLE TRIGGER immutable")


def test_any_state_as_known_at_any_time_is_what_a_replay_of_the_prefix_gives(
    over_database: type[AsOf],
) -> None:
    """At every boundary and a microsecond to either side of it, by the catalog in force then."""
    some = settings(
        max_examples=25,
        stateful_step_count=20,
        deadline=None,
        database=None,
        phases=[Phase.generate],  # shrinking would ask the database for minutes
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(over_database, settings=some)
