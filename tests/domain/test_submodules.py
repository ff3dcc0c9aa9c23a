"""Switching submodules: off is a block, on lifts it and grants what is off by default."""

from datetime import datetime

import pytest

from domain.commands import BlockAccess, SetSubmodule
from domain.facts import AccessBlocked, AccessUnblocked, GrantEnded, ModuleGranted, TrialStarted
from domain.refusals import InvalidSource, UnknownKey
from tests.domain.scenario import Scenario, fact
from tests.domain.world import CRM, EMAIL, FORECASTS, LEADS, TEMPLATES, day, noon, us

soon = noon + 3 * day


def test_off_is_a_block_by_the_admin(org: Scenario) -> None:
    org.given(fact(ModuleGranted, key=CRM))
    org.when(SetSubmodule(key=LEADS, enabled=False))
    org.then(
        fact(
            AccessBlocked,
            scope="submodule",
            key=LEADS,
            category="admin_off",
            starts=noon,
            ends=None,
        )
    )
    org.then_at(noon, {"crm": "enabled", "crm.leads": "disabled"})


def test_off_again_changes_nothing(org: Scenario) -> None:
    org.given(fact(AccessBlocked, key=LEADS))
    org.when(SetSubmodule(key=LEADS, enabled=False)).then_nothing()


@pytest.mark.parametrize("terms", [{"starts": soon}, {"ends": soon}], ids=["to come", "bounded"])
def test_off_means_from_now_on_and_for_good(org: Scenario, terms: dict[str, datetime]) -> None:
    """A block of other terms gives way."""
    org.given(fact(ModuleGranted, key=CRM), fact(AccessBlocked, key=LEADS, block_id="b1", **terms))
    org.when(SetSubmodule(key=LEADS, enabled=False))
    org.then(fact(AccessUnblocked, block_id="b1"), fact(AccessBlocked, starts=noon, ends=None))


def test_on_lifts_the_block(org: Scenario) -> None:
    org.given(fact(ModuleGranted, key=CRM), fact(AccessBlocked, key=LEADS, block_id="b1"))
    org.when(SetSubmodule(key=LEADS, enabled=True)).then(fact(AccessUnblocked, block_id="b1"))
    org.then_at(noon, {"crm.leads": "enabled"})


def test_on_leaves_blocks_of_other_categories(org: Scenario) -> None:
    org.given(fact(ModuleGranted, key=CRM))
    org.when(BlockAccess(scope="submodule", key=LEADS, category="compliance"))
    org.when(SetSubmodule(key=LEADS, enabled=True)).then_nothing()
    org.then_at(noon, {"crm.leads": "disabled"})


def test_on_changes_nothing_where_it_is_on_by_default(org: Scenario) -> None:
    org.given(fact(ModuleGranted, key=CRM))
    org.when(SetSubmodule(key=LEADS, enabled=True)).then_nothing().then_warned()


def test_off_by_default_stays_off_until_it_is_switched_on(org: Scenario) -> None:
    org.given(fact(ModuleGranted, key=CRM))
    org.then_at(noon - us, {"crm.forecasts": "disabled"})
    org.when(SetSubmodule(key=FORECASTS, enabled=True))
    org.then(fact(ModuleGranted, key=FORECASTS, source="admin", ends=None))
    org.then_at(noon, {"crm.forecasts": "enabled"})


def test_on_is_granted_from_the_source_that_is_named(org: Scenario) -> None:
    org.given(fact(ModuleGranted, key=CRM))
    org.when(SetSubmodule(key=FORECASTS, enabled=True, source="promo:spring"))
    org.then(fact(ModuleGranted, key=FORECASTS, source="promo:spring", ends=None))


def test_a_source_of_no_known_form_is_refused(org: Scenario) -> None:
    org.given(fact(ModuleGranted, key=CRM))
    refused = SetSubmodule(key=LEADS, enabled=False, source="because")
    org.when(refused).then_refused(InvalidSource, "invalid_source", source="because")


def test_on_means_from_now_on_also_where_a_grant_is_to_come(org: Scenario) -> None:
    org.given(
        fact(ModuleGranted, key=CRM),
        fact(ModuleGranted, key=FORECASTS, grant_id="g2", starts=soon),
    )
    org.when(SetSubmodule(key=FORECASTS, enabled=True))
    org.then(
        fact(GrantEnded, grant_id="g2", ended_by="superseded"),
        fact(ModuleGranted, key=FORECASTS, starts=noon),
    )
    org.then_at(noon, {"crm.forecasts": "enabled"})


def test_what_was_switched_off_and_on_again_needs_no_second_grant(org: Scenario) -> None:
    org.given(fact(ModuleGranted, key=CRM), fact(ModuleGranted, key=FORECASTS))
    org.when(SetSubmodule(key=FORECASTS, enabled=False)).then(fact(AccessBlocked))
    org.when(SetSubmodule(key=FORECASTS, enabled=True)).then(fact(AccessUnblocked))
    org.then_at(noon, {"crm.forecasts": "enabled"})


def test_on_warns_where_the_module_is_not_granted(org: Scenario) -> None:
    org.when(SetSubmodule(key=FORECASTS, enabled=True))
    org.then_warned("stays disabled until 'crm' is granted")
    org.then_denied(FORECASTS, "parent_disabled")


def test_a_child_without_its_parent_sleeps_and_wakes_with_it(org: Scenario) -> None:
    """Case 14."""
    org.given(fact(ModuleGranted, key=FORECASTS))
    org.then_at(noon - us, {"crm.forecasts": "disabled"})
    org.then_denied(FORECASTS, "parent_disabled")
    org.given(fact(ModuleGranted, key=CRM, starts=soon))
    org.then_at(soon - us, {"crm.forecasts": "disabled"})
    org.then_at(soon, {"crm.forecasts": "enabled"})


def test_a_full_child_of_a_trial_is_on_trial(org: Scenario) -> None:
    """Case 15."""
    org.given(fact(TrialStarted, key=CRM, ends_at=soon), fact(ModuleGranted, key=FORECASTS))
    org.then_at(noon, {"crm": "trial", "crm.leads": "trial", "crm.forecasts": "trial"})
    org.then_at(soon, {"crm": "disabled", "crm.leads": "disabled", "crm.forecasts": "disabled"})


@pytest.mark.parametrize("enabled", [True, False])
def test_only_submodules_are_switched(org: Scenario, *, enabled: bool) -> None:
    org.when(SetSubmodule(key=CRM, enabled=enabled))
    org.then_refused(UnknownKey, "unknown_key", key=CRM, nearest=[LEADS, FORECASTS])
    org.when(SetSubmodule(key=EMAIL, enabled=enabled))
    org.then_refused(UnknownKey, "unknown_key", key=EMAIL, nearest=[TEMPLATES])
