"""What is served of an org between two boundaries, and not a microsecond longer."""

from datetime import datetime

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import invariant, run_state_machine_as_test

from domain.effective import Effective
from domain.facts import ModuleGranted, TrialStarted
from projections.table import Entry, Judged
from tests.domain.histories import Histories
from tests.domain.oracle import both
from tests.domain.scenario import Scenario, fact
from tests.domain.world import CATALOG, CRM, day, noon, us

soon = noon + 3 * day


@pytest.fixture
def org() -> Scenario:
    return Scenario()


def served(org: Scenario) -> Entry:
    """An entry that is kept for as long as the test lasts."""
    return Entry(org.org, expires=float("inf"))


def state(judged: Judged) -> Effective:
    return judged.states[CRM]


def test_a_cached_trial_is_denied_at_the_instant_it_ends(org: Scenario) -> None:
    """Case 1, as far as the table goes: no timer and no message is needed."""
    entry = served(org.given(fact(TrialStarted, key=CRM, ends_at=soon)))
    assert state(entry.judged(CATALOG, soon - us)) is Effective.TRIAL
    assert state(entry.judged(CATALOG, soon)) is Effective.DISABLED


def test_a_cached_denial_is_lifted_at_the_instant_a_grant_starts(org: Scenario) -> None:
    """Case 2, as far as the table goes."""
    entry = served(org.given(fact(ModuleGranted, key=CRM, starts=soon)))
    assert state(entry.judged(CATALOG, soon - us)) is Effective.DISABLED
    assert state(entry.judged(CATALOG, soon)) is Effective.ENABLED


def test_a_judgement_is_made_once_between_two_boundaries(org: Scenario) -> None:
    entry = served(org.given(fact(TrialStarted, key=CRM, ends_at=soon)))
    first = entry.judged(CATALOG, noon)
    assert entry.judged(CATALOG, soon - us) is first
    assert entry.judged(CATALOG, soon) is not first


def test_a_judgement_tells_until_when_it_holds(org: Scenario) -> None:
    entry = served(org.given(fact(TrialStarted, key=CRM, ends_at=soon)))
    assert entry.judged(CATALOG, noon).not_after == soon
    assert entry.judged(CATALOG, soon).not_after is None


def test_what_was_made_of_a_judgement_goes_with_it(org: Scenario) -> None:
    entry = served(org.given(fact(TrialStarted, key=CRM, ends_at=soon)))
    entry.judged(CATALOG, noon).rendered["map"] = b"{}"
    assert entry.judged(CATALOG, soon - us).rendered == {"map": b"{}"}
    assert entry.judged(CATALOG, soon).rendered == {}


def test_an_earlier_instant_is_judged_anew(org: Scenario) -> None:
    entry = served(org.given(fact(ModuleGranted, key=CRM, starts=soon)))
    entry.judged(CATALOG, soon)
    assert state(entry.judged(CATALOG, soon - us)) is Effective.DISABLED


def test_another_catalog_is_judged_anew(org: Scenario) -> None:
    entry = served(org.given(fact(ModuleGranted, key=CRM)))
    entry.judged(CATALOG, noon)
    other = type(CATALOG)(version=2, longest_trial_days=1, modules=CATALOG.modules[1:])
    assert CRM not in entry.judged(other, noon).states


class Served(Histories):
    """However often and in whatever order one entry is asked, it answers as a fresh one would."""

    def agree(self, entry: Entry, at: datetime) -> None:
        judged = entry.judged(CATALOG, at)
        assert {k: v.label for k, v in judged.states.items()} == self.oracle.states(at)
        assert judged.not_after is None or judged.not_after > at

    @invariant()
    def an_entry_answers_as_a_fresh_one_would(self) -> None:
        entry = Entry(self.org, expires=float("inf"))
        boundaries = self.oracle.boundaries(since=self.now)
        ahead = sorted(at for at in both(boundaries, apart=us) if at >= self.now)
        for at in (*ahead, *reversed(ahead)):
            self.agree(entry, at)


def test_nothing_is_ever_served_past_a_boundary() -> None:
    some = settings(
        max_examples=25,
        stateful_step_count=25,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(Served, settings=some)
