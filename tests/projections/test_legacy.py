"""The legacy view: what the old application reads is what the ledger says, at every instant."""

import json
from datetime import datetime
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import invariant, run_state_machine_as_test

from domain.effective import effective_map
from domain.facts import AccessBlocked, ModuleGranted, TrialStarted
from domain.instants import from_iso
from projections.legacy import Span, enabled_modules, granted_spans, written
from tests.domain.histories import Histories
from tests.domain.oracle import BILLABLE, RETIRED, active, both
from tests.domain.scenario import Described, Scenario, fact
from tests.domain.world import (
    CATALOG,
    CRM,
    FORECASTS,
    HR,
    LEADS,
    MANUFACTURING,
    day,
    hour,
    morning,
    noon,
    us,
)

soon = noon + 3 * day
later = noon + 5 * day


@pytest.fixture
def org() -> Scenario:
    return Scenario()


def view(org: Scenario, at: datetime) -> dict[str, bool]:
    return enabled_modules(CATALOG, effective_map(org.lanes, CATALOG, at))


def spans(org: Scenario, key: str) -> list[Span]:
    return read_spans(written(org.org)).get(key.upper(), [])


def read_spans(row: str) -> dict[str, list[Span]]:
    return {
        key: [(from_iso(a), from_iso(b) if b else None) for a, b in stretches]
        for key, stretches in json.loads(row).items()
    }


def test_every_billable_module_and_the_users_have_a_flag(org: Scenario) -> None:
    org.given(fact(ModuleGranted, key=CRM))
    assert view(org, noon) == {
        "CRM": True,
        "HR": False,
        "MANUFACTURING": False,
        "FAX": False,
        "USERS": True,
    }


def test_a_flag_turns_false_at_the_instant_a_trial_lapses(org: Scenario) -> None:
    org.given(fact(TrialStarted, key=CRM, ends_at=soon))
    assert view(org, soon - us)["CRM"] is True
    assert view(org, soon)["CRM"] is False


def test_the_users_flag_stays_true_whatever_is_blocked(org: Scenario) -> None:
    org.given(fact(ModuleGranted, key=CRM), fact(AccessBlocked))
    assert view(org, noon) == dict.fromkeys(view(org, noon), False) | {"USERS": True}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([], []),
        ([fact(ModuleGranted, key=CRM)], [(morning, None)]),
        ([fact(TrialStarted, key=CRM, ends_at=soon)], [(morning, soon)]),
        (
            [
                fact(ModuleGranted, key=CRM, ends=soon),
                fact(ModuleGranted, key=CRM, source="legacy", starts=soon, ends=later),
            ],
            [(morning, later)],
        ),
        (
            [
                fact(ModuleGranted, key=CRM, ends=soon),
                fact(ModuleGranted, key=CRM, source="legacy", starts=soon + us),
            ],
            [(morning, soon), (soon + us, None)],
        ),
        (
            [
                fact(ModuleGranted, key=CRM),
                fact(AccessBlocked, key=CRM, starts=noon, ends=soon),
                fact(AccessBlocked, category="abuse", starts=noon + hour, ends=later),
            ],
            [(morning, noon), (later, None)],
        ),
        ([fact(ModuleGranted, key=CRM), fact(AccessBlocked, key=CRM, starts=morning)], []),
        ([fact(ModuleGranted, key=CRM), fact(AccessBlocked, key=LEADS)], [(morning, None)]),
        ([fact(ModuleGranted, key=CRM), fact(AccessBlocked, key=HR)], [(morning, None)]),
    ],
    ids=[
        "nothing",
        "open",
        "a trial",
        "joined",
        "a gap",
        "blocks cut out",
        "blocked from the start",
        "a block of a submodule",
        "a block of another module",
    ],
)
def test_the_row_has_the_stretches_in_which_a_module_is_granted_and_not_blocked(
    org: Scenario, given: list[Described], expected: list[Span]
) -> None:
    assert spans(org.given(*given), CRM) == expected


def test_a_module_that_is_never_granted_has_no_row(org: Scenario) -> None:
    org.given(fact(ModuleGranted, key=FORECASTS), fact(AccessBlocked, key=MANUFACTURING))
    assert written(org.org) == "{}"


def test_where_nothing_is_recorded_there_is_no_stretch() -> None:
    assert granted_spans([], []) == []


def test_a_grant_that_was_cancelled_before_its_start_makes_no_stretch(org: Scenario) -> None:
    cancelled = fact(ModuleGranted, key=CRM, starts=later, ends=soon)
    assert spans(org.given(cancelled), CRM) == []


class Synced(Histories):
    """I9: at every instant from now on the row says what effective state says."""

    @invariant()
    def the_row_agrees_with_effective_state(self) -> None:
        row = read_spans(written(self.org))
        instants = {self.now, *both(self.oracle.boundaries(since=self.now), apart=us)}
        for key in sorted({*BILLABLE} - RETIRED):
            stretches = [{"from": a, "until": b} for a, b in row.get(key.upper(), [])]
            for at in (instant for instant in instants if instant >= self.now):
                granted = any(active(stretch, at) for stretch in stretches)
                assert granted == (self.oracle.effective(key, at) != "disabled"), (key, at)

    @invariant()
    def the_stretches_lie_apart_and_in_order(self) -> None:
        for stretches in read_spans(written(self.org)).values():
            edges = [edge for stretch in stretches for edge in stretch if edge is not None]
            assert all(a < b for a, b in pairwise(edges))
            assert all(until is not None for _, until in stretches[:-1])


def test_the_legacy_row_agrees_with_effective_state_at_every_boundary() -> None:
    some = settings(
        max_examples=40,
        stateful_step_count=30,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(Synced, settings=some)
