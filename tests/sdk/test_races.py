"""Whatever overtakes what, memory serves nothing older than it was told; mutants do."""

from dataclasses import dataclass

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

from entitlements_sdk.cache import HEARD_WITHIN, Entry, OrgCache
from entitlements_sdk.snapshot import Snapshot
from tests.sdk.fakes import HandClock

ORGS = ["1042", "2001"]
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


@dataclass(frozen=True)
class Read:
    """A read that is under way, with what was so when it began."""

    org: str
    snapshot: Snapshot
    era: int
    asked_at: float


class Races(RuleBasedStateMachine):
    """Commits, slow reads, and news that come late, in any order, twice or never."""

    cache_class = OrgCache

    def __init__(self) -> None:
        super().__init__()
        self.clock = HandClock()
        self.cache = self.cache_class(
            clock=self.clock.ledger_clock(), ttl_seconds=TTL, stale_seconds=TTL, most_orgs=100
        )
        self.versions = dict.fromkeys(ORGS, 1)
        self.catalog = 1
        self.told = dict.fromkeys(ORGS, 0)
        self.told_catalog = 0
        self.reads: list[Read] = []
        self.news: list[tuple[str, int]] = []
        self.old_news: list[tuple[str, int]] = []

    @initialize()
    def the_feed_is_heard(self) -> None:
        self.cache.start_over()
        self.beat()

    def beat(self) -> None:
        self.cache.told_time(self.clock.wall)

    def look(self, entry: Entry | None) -> None:
        """What is served, from memory or as it was read."""
        if entry is None:
            return
        org, version = entry.snapshot.org, entry.snapshot.version
        assert version <= self.versions[org], "served what is gone"
        assert version >= self.told[org], "served less than was told"
        assert entry.snapshot.catalog_version >= self.told_catalog, "judged by an old catalog"

    @rule(org=orgs)
    def check(self, org: str) -> None:
        now = self.clock.seconds
        entry = self.cache.held(org, now, self.clock.wall)
        self.look(entry)
        if entry is not None:
            assert self.cache.heard(now), "served from memory while nothing is heard"
            assert now - entry.confirmed < TTL, "served from memory for longer than the TTL"
        self.look(self.cache.last_good(org, now))

    @rule(org=orgs)
    def begin_to_read(self, org: str) -> None:
        read = Snapshot(org, version=self.versions[org], catalog_version=self.catalog, epoch=1)
        self.reads.append(Read(org, read, self.cache.era, self.clock.seconds))

    @precondition(lambda self: self.reads)
    @rule(place=places)
    def fill(self, place: int) -> None:
        read = self.reads.pop(place % len(self.reads))
        entry = self.cache.fill(read.snapshot, era=read.era, asked_at=read.asked_at)
        if entry is not None and self.cache.accepts(entry):
            self.look(entry)
        self.check(read.org)

    @rule(org=orgs)
    def revoke(self, org: str) -> None:
        self.versions[org] += 1
        self.news.append((org, self.versions[org]))

    @rule(org=orgs)
    def revoke_and_deliver(self, org: str) -> None:
        self.revoke(org)
        self.tell(self.news.pop())

    @precondition(lambda self: self.news)
    @rule(place=places)
    def deliver(self, place: int) -> None:
        self.tell(self.news.pop(place % len(self.news)))

    @precondition(lambda self: self.old_news)
    @rule(place=places)
    def deliver_again(self, place: int) -> None:
        self.tell(self.old_news[place % len(self.old_news)])

    def tell(self, news: tuple[str, int]) -> None:
        org, version = news
        self.cache.moved(org, version)
        self.told[org] = max(self.told[org], version)
        self.old_news.append(news)
        self.check(org)

    @precondition(lambda self: self.news)
    @rule()
    def drop(self) -> None:
        """News are lost, and with them the feed, until it starts over."""
        self.news = []
        self.clock.go_on(HEARD_WITHIN)
        served = [org for org in ORGS if self.cache.held(org, self.clock.seconds, self.clock.wall)]
        assert served == [], "served from memory while nothing is heard"
        self.cache.start_over()
        self.old_news = []
        self.told = dict(self.versions)
        self.beat()
        for org in ORGS:
            self.check(org)

    @rule()
    def publish_a_catalog(self) -> None:
        self.catalog += 1
        self.cache.catalog_moved(self.catalog)
        self.told_catalog = self.catalog
        for org in ORGS:
            self.check(org)

    @rule()
    def time_passes(self) -> None:
        while self.reads:
            self.fill(0)
        self.clock.go_on(A_WHILE)
        self.beat()


class WithoutFloor(OrgCache):
    """Forgets what it was told while a read is under way."""

    def _floor(self, org: str) -> int:
        return 0


class WithoutEviction(OrgCache):
    """Keeps what it holds when it is told of something newer."""

    def moved(self, org: str, version: int) -> None:
        held = self._entries.get(org)
        super().moved(org, version)
        if held is not None:
            self._entries[org] = held


class Trusting(OrgCache):
    """Serves from memory although nothing is heard."""

    def held(self, org: str, now: float, at: float) -> Entry | None:
        return self._entries.get(org)


class Clinging(OrgCache):
    """Starts over, but takes in what was being read before."""

    def start_over(self) -> None:
        before = self.era
        super().start_over()
        self.era = before


class Eternal(OrgCache):
    """Serves from memory for as long as something is heard."""

    def held(self, org: str, now: float, at: float) -> Entry | None:
        return self._entries.get(org) if self.heard(now) else None


class WithoutCatalogFloor(OrgCache):
    """Takes in what was judged by a catalog that was replaced meanwhile."""

    def catalog_moved(self, version: int) -> None:
        super().catalog_moved(version)
        self._catalog_floor = 0


def test_nothing_older_than_what_was_told_is_served() -> None:
    run_state_machine_as_test(Races, settings=MANY)


@pytest.mark.parametrize(
    "mutant", [WithoutFloor, WithoutEviction, Trusting, Clinging, Eternal, WithoutCatalogFloor]
)
def test_a_memory_that_breaks_a_rule_is_caught(mutant: type[OrgCache]) -> None:
    """A test that cannot fail proves nothing."""

    class Mutated(Races):
        cache_class = mutant

    unshrunk = settings(
        MANY,
        max_examples=1_000,
        derandomize=True,
        phases=[Phase.generate],
        report_multiple_bugs=False,
    )
    with pytest.raises(AssertionError, match=r"served|judged"):
        run_state_machine_as_test(Mutated, settings=unshrunk)
