"""Rows keep the cache rules: nothing past a boundary, below a version, or beyond its time."""

import asyncio
from datetime import datetime

import pytest

from domain.catalog import Catalog, Key
from domain.facts import GrantEnded, ModuleGranted, OrgRegistered, TrialStarted
from domain.ids import OrgId, org_stream
from domain.org import Org
from domain.refusals import Unavailable, UnknownOrg
from projections.feed import LATEST_SECONDS
from projections.rollout import Gates
from projections.rows import LAST_KNOWN_SECONDS, Rows, version_of
from projections.shelf import Shelf
from projections.table import Entry
from tests.domain.scenario import Described, fact
from tests.domain.world import CATALOG, CRM, HR, day, noon, us
from tests.projections.fakes import ACME, AJAX, TTL, World, settled

pytestmark = pytest.mark.anyio

soon = noon + day
GRANTED = (fact(OrgRegistered), fact(ModuleGranted, key=CRM))


def org_of(*facts: Described, org_id: OrgId = ACME) -> Org:
    """An org after these facts."""
    org = Org.blank(org_stream(org_id))
    for place, described in enumerate(facts, start=1):
        described.completed(org.id, place).mutate(org)
    return org


class Kept(World):
    """A table whose orgs are what the test says, and the rows made of them."""

    def __init__(self) -> None:
        super().__init__()
        self.orgs = {ACME: org_of(*GRANTED)}
        self.at = noon
        self.last_heard: float | None = None  # None: all the time
        self.shelf = Shelf()
        self.shelf.put(CATALOG)
        self.table._fetch = self.fetch  # noqa: SLF001 - this world's own reads
        self.gates = Gates()
        self.rows = Rows(
            table=self.table,
            shelf=self.shelf,
            gating=self.gates,
            heard=lambda: self.clock.seconds if self.last_heard is None else self.last_heard,
            ttl_seconds=TTL,
            now=lambda: self.at,
            monotonic=self.clock,
        )

    async def fetch(self, org_id: OrgId) -> Org | None:
        found = self.orgs.get(org_id)
        await self.ledger.fetch(org_id)
        return found

    async def asked_row(self) -> "asyncio.Task[bytes]":
        """Somebody asks for the row, and waits for as long as the ledger does not answer."""
        task = asyncio.create_task(self.rows.get(ACME))
        await settled()
        return task

    def silent(self) -> None:
        """From now on nothing is heard of changes, and the database is away."""
        self.last_heard = self.clock.seconds
        self.heard = False
        self.ledger.broken = Unavailable("The database went away.")

    def verdict(self, key: Key = CRM, *, at: datetime | None = None) -> str | None:
        """What is known of a key at an instant; None: nothing."""
        found = self.rows.verdict(ACME, key, at or self.at)
        return None if found is None else found.denied_by or found.status


@pytest.fixture
def kept() -> Kept:
    return Kept()


async def test_rows_start_empty_and_are_filled_by_asking(kept: Kept) -> None:
    assert kept.verdict() is None
    await kept.rows.get(ACME)
    assert (kept.verdict(), kept.verdict(HR)) == ("enabled", "not_granted")
    assert kept.verdict(Key("crn")) is None


async def test_a_cached_trial_is_denied_at_the_instant_it_ends(kept: Kept) -> None:
    """Case 1: no timer, and no message."""
    kept.orgs[ACME] = org_of(fact(OrgRegistered), fact(TrialStarted, key=CRM, ends_at=soon))
    row = await kept.rows.get(ACME)
    assert kept.rows.not_after(ACME) == soon
    assert kept.verdict(at=soon - us) == "trial"
    assert kept.rows.held(ACME, soon - us) is row
    assert kept.verdict(at=soon) is None
    kept.at = soon
    await kept.rows.get(ACME)
    assert kept.verdict() == "trial_expired"
    assert kept.rows.not_after(ACME) is None


async def test_a_verdict_goes_by_the_rules_that_hold_now(kept: Kept) -> None:
    """The switch of this machine, thrown after somebody asked (case 22)."""
    await kept.rows.get(ACME)
    for killed in (False, True, False):
        kept.gates.switch(killed=killed)
        found = kept.rows.verdict(ACME, HR, noon)
        assert found is not None
        assert (found.allowed, found.code) == (killed, "gating_off" if killed else found.code)


async def test_a_row_that_came_later_ends_at_its_own_boundary(kept: Kept) -> None:
    """Case 1, with others asked about before, to which nothing happens for a long time."""
    kept.orgs[AJAX] = org_of(*GRANTED, org_id=AJAX)
    await kept.rows.get(AJAX)
    assert kept.rows.verdict(AJAX, CRM, noon) is not None
    kept.orgs[ACME] = org_of(fact(OrgRegistered), fact(TrialStarted, key=CRM, ends_at=soon))
    await kept.rows.get(ACME)
    assert kept.verdict(at=soon - us) == "trial"
    assert kept.verdict(at=soon) is None


async def test_a_cached_denial_is_lifted_at_the_instant_a_grant_starts(kept: Kept) -> None:
    """Case 2."""
    kept.orgs[ACME] = org_of(fact(OrgRegistered), fact(ModuleGranted, key=CRM, starts=soon))
    await kept.rows.get(ACME)
    assert kept.verdict(at=soon - us) == "not_yet_active"
    kept.at = soon
    await kept.rows.get(ACME)
    assert kept.verdict() == "enabled"


async def test_a_read_that_a_revoke_overtook_fills_nothing(kept: Kept) -> None:
    """Case 3."""
    kept.ledger.slow = True
    asked = await kept.asked_row()
    revoked = org_of(*GRANTED, fact(GrantEnded, grant_id="grant-2", effective_at=noon))
    kept.orgs[ACME] = revoked
    kept.table.moved(ACME, version=3)
    kept.ledger.slow = False
    kept.ledger.answer()
    assert version_of(await asked) == 3
    assert kept.verdict() == "revoked"
    assert kept.table.discarded == 1


async def test_an_older_org_never_takes_the_place_of_a_newer(kept: Kept) -> None:
    await kept.rows.get(ACME)
    kept.rows.put(Entry(org_of(fact(OrgRegistered)), expires=float("inf")), noon)
    assert kept.verdict() == "enabled"


async def test_what_has_moved_is_not_served(kept: Kept) -> None:
    await kept.rows.get(ACME)
    kept.table.moved(ACME, version=2)
    assert kept.verdict() == "enabled"
    kept.table.moved(ACME, version=3)
    assert kept.verdict() is None


async def test_nothing_is_served_of_a_log_that_is_gone(kept: Kept) -> None:
    await kept.rows.get(ACME)
    kept.table.clear()
    assert kept.verdict() is None


async def test_another_catalog_is_judged_by_at_once(kept: Kept) -> None:
    await kept.rows.get(ACME)
    without = Catalog(version=2, longest_trial_days=1, modules=CATALOG.modules[1:])
    kept.shelf.put(without)
    assert kept.verdict() is None
    await kept.rows.get(ACME)
    assert kept.verdict() is None  # there is no such key any more
    assert kept.verdict(HR) == "not_granted"


async def test_a_row_is_served_for_nine_tenths_of_its_time_at_least_and_never_longer(
    kept: Kept,
) -> None:
    await kept.rows.get(ACME)
    began = kept.clock.seconds
    kept.clock.seconds = began + 0.88 * TTL
    assert kept.verdict() == "enabled"
    kept.clock.seconds = began + TTL
    assert kept.verdict() is None
    assert len(kept.rows) == 0


async def test_while_changes_are_not_heard_of_nothing_is_served(kept: Kept) -> None:
    await kept.rows.get(ACME)
    kept.silent()
    kept.clock.seconds += LATEST_SECONDS - 0.001
    assert kept.verdict() == "enabled"
    kept.clock.seconds += 0.001
    assert (kept.verdict(), kept.rows.held(ACME, noon)) == (None, None)
    kept.last_heard = None
    assert kept.verdict() == "enabled"


async def test_what_was_known_last_serves_for_ten_minutes(kept: Kept) -> None:
    row = await kept.rows.get(ACME)
    kept.silent()
    kept.clock.seconds += LAST_KNOWN_SECONDS - 0.001
    with pytest.raises(Unavailable):
        await kept.rows.get(ACME)
    assert kept.rows.last_known(ACME, noon) is row
    assert kept.rows.last_known(AJAX, noon) is None
    kept.clock.seconds += 0.001
    assert kept.rows.last_known(ACME, noon) is None


async def test_what_was_known_last_never_serves_past_a_boundary(kept: Kept) -> None:
    kept.orgs[ACME] = org_of(fact(OrgRegistered), fact(TrialStarted, key=CRM, ends_at=soon))
    row = await kept.rows.get(ACME)
    kept.silent()
    assert kept.rows.last_known(ACME, soon - us) is row
    assert kept.rows.last_known(ACME, soon) is None


async def test_what_was_over_when_changes_were_last_heard_of_is_not_known(kept: Kept) -> None:
    await kept.rows.get(ACME)
    kept.clock.seconds += TTL
    kept.silent()
    assert kept.rows.last_known(ACME, noon) is None


async def test_an_org_that_nobody_knows_has_no_row(kept: Kept) -> None:
    with pytest.raises(UnknownOrg):
        await kept.rows.get(AJAX)
    assert len(kept.rows) == 0


async def test_orgs_that_are_alike_share_a_row(kept: Kept) -> None:
    kept.orgs[AJAX] = org_of(*GRANTED, org_id=AJAX)
    assert await kept.rows.get(ACME) is await kept.rows.get(AJAX)


async def test_the_boundaries_of_orgs_that_change_often_are_not_piled_up(kept: Kept) -> None:
    entry = Entry(
        org_of(fact(OrgRegistered), fact(TrialStarted, key=CRM, ends_at=soon)),
        expires=float("inf"),
    )
    for _ in range(20_000):
        kept.rows.put(entry, noon)
    assert len(kept.rows._boundaries) < 10_000  # noqa: SLF001 - there is no other way to see them
    assert kept.verdict(at=soon) is None


async def test_the_oldest_rows_make_room(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("projections.rows.MOST_ROWS", 10)
    for number in range(1, 100):
        org = org_of(*GRANTED, org_id=OrgId(str(number)))
        kept.rows.put(Entry(org, expires=float("inf")), noon)
        kept.clock.seconds += TTL / 100
    assert len(kept.rows) <= 10


async def test_an_org_that_is_doubted_is_judged_anew(kept: Kept) -> None:
    """At the same version, too: a row of the view may have been mended since."""
    first = await kept.rows.get(ACME)
    kept.orgs = {ACME: org_of(GRANTED[0], fact(ModuleGranted, key=HR))}
    assert await kept.rows.get(ACME) == first

    kept.table.forget(ACME)

    again = await kept.rows.get(ACME)
    assert (version_of(again), again == first) == (version_of(first), False)
