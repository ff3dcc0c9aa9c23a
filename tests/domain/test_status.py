"""The seed's three words for a module, on every state that a module can be in."""

from datetime import datetime
from itertools import product

import pytest

from domain.commands import SetStatus
from domain.facts import AccessBlocked, ModuleGranted, TrialStarted
from domain.lanes import Grant
from tests.domain.scenario import Described, Scenario, fact
from tests.domain.world import CRM, day, hour, morning, noon

soon = noon + 3 * day
later = noon + 5 * day

ADMINS = {
    "no admin grant": [],
    "admin grant": [fact(ModuleGranted, key=CRM)],
    "bounded admin grant": [fact(ModuleGranted, key=CRM, ends=soon)],
    "admin grant to come": [fact(ModuleGranted, key=CRM, starts=soon)],
    "admin grant in two parts": [
        fact(ModuleGranted, key=CRM, ends=soon),
        fact(ModuleGranted, key=CRM, starts=soon),
    ],
}
TRIALS = {
    "no trial": [],
    "trial used": [fact(TrialStarted, key=CRM, ends_at=noon)],
    "trial": [fact(TrialStarted, key=CRM, ends_at=later)],
    "trial to come": [fact(TrialStarted, key=CRM, starts=soon, ends_at=later)],
    "trial in two parts": [
        fact(TrialStarted, key=CRM, ends_at=soon),
        fact(TrialStarted, key=CRM, starts=soon, ends_at=later),
    ],
}
OFFS = {
    "not off": [],
    "off": [fact(AccessBlocked, key=CRM)],
    "off for now": [fact(AccessBlocked, key=CRM, ends=soon)],
    "off later": [fact(AccessBlocked, key=CRM, starts=soon)],
}
PLANS = {"no plan": None, "plan": morning, "plan to come": soon}
"""From when on another source grants the module."""

COMBINATIONS = [
    pytest.param([*admin, *trial, *off], plan, id=f"{a}, {t}, {o}, {p}")
    for (a, admin), (t, trial), (o, off), (p, plan) in product(
        ADMINS.items(), TRIALS.items(), OFFS.items(), PLANS.items()
    )
]
on_every_state = pytest.mark.parametrize(("before", "plan"), COMBINATIONS)


def happened(org: Scenario, before: list[Described], plan: datetime | None) -> Scenario:
    if plan is not None:
        org.given(fact(ModuleGranted, key=CRM, source="plan:gold@3", starts=plan))
    return org.given(*before)


def live(org: Scenario, source: str) -> list[Grant]:
    return [g for g in org.org.grants.values() if g.source == source and g.live(noon)]


@on_every_state
def test_enabled_enables(org: Scenario, before: list[Described], plan: datetime | None) -> None:
    happened(org, before, plan).when(SetStatus(key=CRM, status="enabled"))
    org.then_at(noon, crm="enabled")
    assert [grant for grant in live(org, "admin") if grant.active(noon)]
    org.when(SetStatus(key=CRM, status="enabled")).then_nothing()


@pytest.mark.parametrize("ends", [soon - hour, later, later + day], ids=["short", "same", "long"])
@on_every_state
def test_trial_leaves_one_trial_with_the_given_end(
    org: Scenario, before: list[Described], plan: datetime | None, ends: datetime
) -> None:
    trial = SetStatus(key=CRM, status="trial", trial_ends=ends)
    happened(org, before, plan).when(trial)
    for instant, own in ((noon, "trial"), (ends, "disabled")):
        org.then_at(instant, crm="enabled" if plan and plan <= instant else own)
    assert live(org, "admin") == []
    assert [(grant.active(noon), grant.ends) for grant in live(org, "trial")] == [(True, ends)]
    org.when(trial).then_nothing()


@on_every_state
def test_disabled_disables_for_good(
    org: Scenario, before: list[Described], plan: datetime | None
) -> None:
    happened(org, before, plan).when(SetStatus(key=CRM, status="disabled"))
    for instant in (noon, soon, later, later + day):
        org.then_at(instant, crm="disabled")
    assert live(org, "admin") == live(org, "trial") == []
    org.when(SetStatus(key=CRM, status="disabled")).then_nothing()
