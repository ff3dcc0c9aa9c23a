"""Effective state: half open at every boundary, disabled < trial < enabled, blocks above all."""

from datetime import datetime

import pytest

from domain.catalog import Key
from domain.effective import Effective, Lanes, effective_map
from domain.facts import AccessBlocked, AccessUnblocked, GrantEnded, ModuleGranted, TrialStarted
from domain.lanes import Block
from tests.domain.scenario import Described, Scenario, fact
from tests.domain.world import (
    CATALOG,
    CRM,
    FORECASTS,
    HR,
    LEADS,
    PAYROLL,
    day,
    hour,
    morning,
    noon,
    us,
)

soon = noon + 3 * day
later = noon + 5 * day


@pytest.mark.parametrize(
    ("described", "before", "within"),
    [
        (fact(ModuleGranted, key=CRM, starts=soon, ends=later), "disabled", "enabled"),
        (fact(TrialStarted, key=CRM, starts=soon, ends_at=later), "disabled", "trial"),
        (fact(AccessBlocked, key=CRM, starts=soon, ends=later), "enabled", "disabled"),
        (fact(AccessBlocked, starts=soon, ends=later), "enabled", "disabled"),
    ],
    ids=["grant", "trial", "block of a module", "block of the org"],
)
def test_an_interval_has_its_start_and_not_its_end(
    org: Scenario, described: Described, before: str, within: str
) -> None:
    if before == "enabled":
        org.given(fact(ModuleGranted, key=CRM))
    org.given(described)
    for instant, state in (
        (soon - us, before),
        (soon, within),
        (soon + us, within),
        (later - us, within),
        (later, before),
        (later + us, before),
    ):
        org.then_at(instant, {"crm": state, "crm.leads": state})


def test_nothing_is_granted_by_being_registered(org: Scenario) -> None:
    org.then_at(noon, {"crm": "disabled", "crm.leads": "disabled", "crm.forecasts": "disabled"})


def test_grants_are_a_union(org: Scenario) -> None:
    org.given(
        fact(ModuleGranted, key=CRM, ends=later),
        fact(ModuleGranted, key=CRM, source="plan:gold@3", starts=soon, ends=later + day),
        fact(TrialStarted, key=CRM, ends_at=later + 2 * day),
    )
    org.then_at(soon - us, crm="enabled")
    org.then_at(later, crm="enabled")
    org.then_at(later + day, crm="trial")
    org.then_at(later + 2 * day, crm="disabled")


def test_the_grant_of_one_module_says_nothing_of_another(org: Scenario) -> None:
    org.given(fact(ModuleGranted, key=CRM))
    org.then_at(noon, crm="enabled", hr="disabled", manufacturing="disabled")


@pytest.mark.parametrize(
    ("parent", "own", "state"),
    [
        (None, ModuleGranted, "disabled"),
        (TrialStarted, None, "disabled"),
        (TrialStarted, TrialStarted, "trial"),
        (TrialStarted, ModuleGranted, "trial"),
        (ModuleGranted, None, "disabled"),
        (ModuleGranted, TrialStarted, "trial"),
        (ModuleGranted, ModuleGranted, "enabled"),
    ],
)
def test_a_child_that_is_off_by_default_has_the_lower_of_its_own_and_its_parents_state(
    org: Scenario,
    parent: type[ModuleGranted | TrialStarted] | None,
    own: type[ModuleGranted | TrialStarted] | None,
    state: str,
) -> None:
    for kind, key in ((parent, CRM), (own, FORECASTS)):
        if kind is not None:
            end = "ends" if kind is ModuleGranted else "ends_at"
            org.given(fact(kind, key=key, **{end: later}))
    org.then_at(noon, {"crm.forecasts": state})


def test_a_child_that_is_on_by_default_has_its_parents_state_whatever_it_is_granted(
    org: Scenario,
) -> None:
    org.given(fact(TrialStarted, key=CRM, ends_at=later), fact(ModuleGranted, key=LEADS))
    org.then_at(noon, {"crm.leads": "trial"})


def test_a_blocked_child_leaves_its_parent_and_siblings(org: Scenario) -> None:
    org.given(
        fact(ModuleGranted, key=CRM),
        fact(ModuleGranted, key=FORECASTS),
        fact(AccessBlocked, key=LEADS),
    )
    org.then_at(noon, {"crm": "enabled", "crm.leads": "disabled", "crm.forecasts": "enabled"})


def test_a_blocked_module_disables_its_children(org: Scenario) -> None:
    org.given(
        fact(ModuleGranted, key=CRM),
        fact(ModuleGranted, key=FORECASTS),
        fact(AccessBlocked, key=CRM),
    )
    org.then_at(noon, {"crm": "disabled", "crm.leads": "disabled", "crm.forecasts": "disabled"})


def test_of_two_blocks_the_later_end_counts(org: Scenario) -> None:
    org.given(
        fact(ModuleGranted, key=CRM),
        fact(AccessBlocked, key=CRM, ends=soon),
        fact(AccessBlocked, key=CRM, category="abuse", ends=later),
    )
    org.then_at(later - us, crm="disabled")
    org.then_at(later, crm="enabled")


def test_a_lifted_block_restores_what_the_grants_say(org: Scenario) -> None:
    org.given(
        fact(TrialStarted, key=CRM, ends_at=soon),
        fact(AccessBlocked, key=CRM, block_id="b1"),
        fact(AccessUnblocked, key=CRM, block_id="b1"),
    )
    org.then_at(noon, crm="trial")
    org.then_at(soon, crm="disabled")


@pytest.mark.parametrize(
    ("blocks", "widest"),
    [
        ([LEADS], LEADS),
        ([LEADS, CRM], CRM),
        ([LEADS, CRM, None], None),
    ],
    ids=["submodule", "module", "org"],
)
def test_the_widest_block_is_the_one_that_is_told(
    org: Scenario, blocks: list[Key | None], widest: Key | None
) -> None:
    org.given(*(fact(AccessBlocked, key=key) for key in blocks), fact(AccessBlocked, key=HR))
    standing = org.lanes.block_on(LEADS, noon)
    assert standing is not None
    assert standing.key == widest


def test_a_block_concerns_its_own_scope_alone() -> None:
    def block(key: Key) -> Block:
        return Block(id="b", scope="module", key=key, category="abuse", starts=noon, ends=None)

    assert block(CRM).concerns(LEADS)
    assert not block(LEADS).concerns(CRM)
    assert not block(CRM).concerns(Key("crm_plus"))


def test_boundaries_are_the_instants_to_come_in_order_and_once(org: Scenario) -> None:
    org.given(
        fact(ModuleGranted, key=CRM, ends=later),
        fact(TrialStarted, key=HR, starts=soon, ends_at=later),
        fact(AccessBlocked, key=CRM, ends=noon + hour),
    )
    assert org.lanes.boundaries(after=noon) == [noon + hour, soon, later]
    assert org.lanes.next_boundary(after=noon) == noon + hour


@pytest.mark.parametrize(("after", "then"), [(soon - us, soon), (soon, None), (morning, soon)])
def test_the_next_boundary_lies_after_the_instant_asked(
    org: Scenario, after: datetime, then: datetime | None
) -> None:
    org.given(fact(TrialStarted, key=CRM, ends_at=soon))
    assert org.lanes.next_boundary(after=after) == then


def test_without_lanes_everything_billable_is_disabled_for_ever() -> None:
    lanes = Lanes.of([], [])
    assert lanes.next_boundary(after=noon) is None
    assert lanes.own(CRM, noon) is Effective.DISABLED


def test_the_states_are_ordered() -> None:
    assert Effective.DISABLED < Effective.TRIAL < Effective.ENABLED
    assert [state.label for state in Effective] == ["disabled", "trial", "enabled"]


def test_a_grant_that_was_cut_off_before_its_start_was_never_active(org: Scenario) -> None:
    org.given(
        fact(ModuleGranted, key=CRM, grant_id="g1", starts=soon),
        fact(GrantEnded, key=CRM, grant_id="g1", effective_at=noon),
    )
    for instant in (noon, soon - us, soon, soon + us):
        org.then_at(instant, crm="disabled")


def test_every_key_of_the_catalog_has_a_state_in_the_catalogs_order() -> None:
    assert list(effective_map(Lanes.of([], []), CATALOG, noon)) == list(CATALOG.walk())


def test_the_map_may_be_narrowed_to_some_modules() -> None:
    assert list(effective_map(Lanes.of([], []), CATALOG, noon, modules={HR})) == [HR, PAYROLL]
