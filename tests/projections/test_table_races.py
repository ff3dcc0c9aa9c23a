"""Whatever overtakes what, the table serves nothing older than what it was told; mutants do."""

import asyncio
from dataclasses import dataclass, replace

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from domain.ids import OrgId
from domain.refusals import Unavailable, VersionNotReached
from projections.table import Entry, OrgTable
from tests.projections.fakes import FakeLedger, HandClock, org_at

ORGS = [OrgId("1042"), OrgId("2001")]
TTL = 300.0
A_WHILE = 120.0  # seconds; no read is under way for longer

MANY = settings(
    max_examples=150,
    stateful_step_count=40,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)

orgs = st.sampled_from(ORGS)
places = st.integers(0, 7)
News = tuple[OrgId, int]


@dataclass(frozen=True)
class Asked:
    """Somebody who waits for an org, with the least they may be given."""

    org: OrgId
    least: int
    answer: asyncio.Task[Entry]
    restored: bool = False


class Races(RuleBasedStateMachine):
    """Commits, reads, and a feed whose news come late, in any order, twice or not at all."""

    table_class = OrgTable

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.clock = HandClock()
        self.ledger = FakeLedger()
        self.ledger.slow = True
        self.heard = True
        self.table = self.table_class(
            fetch=self.ledger.fetch,
            current=lambda: self.heard,
            ttl_seconds=TTL,
            monotonic=self.clock,
        )
        self.news: list[News] = []
        self.old_news: list[News] = []
        self.told = dict.fromkeys(ORGS, 0)
        self.filled = dict.fromkeys(ORGS, float("-inf"))
        self.asked: list[Asked] = []

    def teardown(self) -> None:
        for asked in self.asked:
            asked.answer.cancel()
        self.runner.close()

    @initialize()
    def both_orgs_exist(self) -> None:
        self.ledger.versions = dict.fromkeys(ORGS, 1)

    def settle(self) -> None:
        """Let everything go on that can, and look at what was served."""
        self.runner.run(self._turns())
        for asked in [asked for asked in self.asked if asked.answer.done()]:
            self.asked.remove(asked)
            self.filled[asked.org] = self.clock.seconds
            if isinstance(asked.answer.exception(), Unavailable):
                continue  # overtaken too often: nothing was served
            if asked.restored and isinstance(asked.answer.exception(), VersionNotReached):
                continue  # what the caller knew of is gone
            version = asked.answer.result().version
            assert version <= self.ledger.versions[asked.org], "served what is gone"
            assert version >= asked.least, "served less than the caller knew of"
            assert version >= self.told[asked.org], "served less than the table was told"

    async def _turns(self) -> None:
        for _ in range(12):
            await asyncio.sleep(0)

    @rule(org=orgs)
    def commit_elsewhere(self, org: OrgId) -> None:
        self.ledger.versions[org] += 1
        self.news.append((org, self.ledger.versions[org]))

    @rule(org=orgs)
    def commit_here(self, org: OrgId) -> None:
        """Whoever commits tells the table at once; the feed tells it again."""
        self.commit_elsewhere(org)
        version = self.ledger.versions[org]
        self.tell((org, version))
        self.table.put(org_at(org, version))
        self.filled[org] = self.clock.seconds

    def tell(self, news: News) -> None:
        org, version = news
        self.table.moved(org, version=version)
        self.told[org] = max(self.told[org], version)
        self.old_news.append(news)

    @precondition(lambda self: self.heard and self.news)
    @rule(place=places)
    def deliver(self, place: int) -> None:
        self.tell(self.news.pop(place % len(self.news)))
        self.settle()

    @precondition(lambda self: self.old_news)
    @rule(place=places)
    def deliver_again(self, place: int) -> None:
        self.tell(self.old_news[place % len(self.old_news)])
        self.settle()

    @precondition(lambda self: self.news)
    @rule()
    def the_feed_breaks_off(self) -> None:
        self.heard = False

    @precondition(lambda self: not self.heard)
    @rule()
    def the_feed_catches_up(self) -> None:
        while self.news:
            self.tell(self.news.pop())
        self.heard = True
        self.settle()

    @rule(org=orgs, knows=st.booleans())
    def ask(self, org: OrgId, knows: bool) -> None:
        least = self.ledger.versions[org] if knows else 0
        answer = self.runner.get_loop().create_task(self.table.get(org, min_version=least))
        fresh = self.clock.seconds - self.filled[org] < TTL
        self.asked.append(Asked(org, max(least, self.told[org]), answer))
        self.runner.run(self._turns())
        if answer.done():
            assert self.heard, "served from here while changes are not heard of"
            assert fresh, "served from here for longer than the TTL"
        self.settle()

    @precondition(lambda self: self.ledger.waiting)
    @rule(place=places)
    def answer(self, place: int) -> None:
        self.ledger.answer(place % len(self.ledger.waiting))
        self.settle()

    @precondition(lambda self: max(self.ledger.versions.values()) > 1)
    @rule()
    def a_backup_is_restored(self) -> None:
        """The log is one fact shorter, and whoever follows it starts over."""
        self.ledger.versions = {org: max(1, v - 1) for org, v in self.ledger.versions.items()}
        self.news, self.old_news = [], []
        self.told = dict.fromkeys(ORGS, 0)
        self.asked = [replace(asked, least=0, restored=True) for asked in self.asked]
        self.table.clear()
        self.settle()

    @rule()
    def time_passes(self) -> None:
        while self.ledger.waiting:
            self.answer(0)
        self.clock.seconds += A_WHILE


class WithoutFloor(OrgTable):
    """Forgets what it was told while a read is under way."""

    def _floor(self, org_id: OrgId) -> int:
        return 0


class WithoutEviction(OrgTable):
    """Keeps what it holds when it is told of something newer."""

    def moved(self, org_id: OrgId, *, version: int) -> None:
        held = self._entries.get(org_id)
        super().moved(org_id, version=version)
        if held is not None:
            self._entries[org_id] = held


class Trusting(OrgTable):
    """Serves from here although changes are not heard of."""

    def held(self, org_id: OrgId) -> Entry | None:
        return self._entries.get(org_id)


class Eternal(OrgTable):
    """Serves from here for as long as nothing newer is heard of."""

    def held(self, org_id: OrgId) -> Entry | None:
        return self._entries.get(org_id) if self._current() else None


class Clinging(OrgTable):
    """Starts over, but takes in what was being read of the log that is gone."""

    def clear(self) -> None:
        self._entries.clear()
        self._floors.clear()


class Unasked(OrgTable):
    """Does not look at the version that the caller knows of."""

    async def get(self, org_id: OrgId, *, min_version: int = 0) -> Entry:
        return await super().get(org_id)


def test_nothing_older_than_what_is_known_is_served() -> None:
    run_state_machine_as_test(Races, settings=MANY)


@pytest.mark.parametrize(
    "mutant", [WithoutFloor, WithoutEviction, Trusting, Eternal, Clinging, Unasked]
)
def test_a_table_that_breaks_a_rule_is_caught(mutant: type[OrgTable]) -> None:
    """A test that cannot fail proves nothing."""

    class Mutated(Races):
        table_class = mutant

    unshrunk = settings(
        MANY,
        max_examples=1_000,
        derandomize=True,
        phases=[Phase.generate],
        report_multiple_bugs=False,
    )
    with pytest.raises(AssertionError, match="served"):
        run_state_machine_as_test(Mutated, settings=unshrunk)
