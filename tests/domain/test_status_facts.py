"""The seed's three words for a module: which facts each comes to, and what its author is told."""

from datetime import datetime

import pytest

from domain.commands import SetStatus
from domain.commands.status import TrialEndMissing
from domain.facts import (
    AccessBlocked,
    AccessUnblocked,
    GrantEnded,
    ModuleGranted,
    TrialConverted,
    TrialExtended,
    TrialStarted,
)
from domain.refusals import (
    InvalidSource,
    NaiveTimestamp,
    NotInFuture,
    TrialAlreadyUsed,
    TrialTooLong,
)
from tests.domain.scenario import Scenario, fact
from tests.domain.world import CRM, LEADS, LONGEST_TRIAL, ORG_ADMIN, day, noon, us

soon = noon + 3 * day
later = noon + 5 * day
PLAN = "plan:gold@3"

ENABLED = SetStatus(key=CRM, status="enabled")
TRIAL = SetStatus(key=CRM, status="trial", trial_ends=later)
DISABLED = SetStatus(key=CRM, status="disabled")


def test_enabled_grants_from_the_admin(org: Scenario) -> None:
    org.when(ENABLED).then(fact(ModuleGranted, source="admin", starts=noon, ends=None))
    org.then_warned()


def test_enabled_keeps_the_terms_of_the_admins_grant_that_stands(org: Scenario) -> None:
    org.given(fact(ModuleGranted, key=CRM, ends=later))
    org.when(ENABLED).then_nothing()


def test_enabled_converts_a_running_trial(org: Scenario) -> None:
    org.given(fact(TrialStarted, key=CRM, grant_id="t1", ends_at=soon))
    org.when(ENABLED).then(fact(TrialConverted, trial_id="t1", source="admin"))
    org.then_warned("the running trial was converted")


def test_enabled_lifts_the_admins_block(org: Scenario) -> None:
    org.given(fact(ModuleGranted, key=CRM), fact(AccessBlocked, key=CRM, block_id="b1"))
    org.when(ENABLED).then(fact(AccessUnblocked, block_id="b1", category="admin_off"))
    org.then_warned("the admin_off block was lifted")


@pytest.mark.parametrize("status", [ENABLED, TRIAL], ids=["enabled", "trial"])
def test_blocks_of_other_categories_stay(org: Scenario, status: SetStatus) -> None:
    org.given(fact(AccessBlocked, key=CRM, category="compliance"))
    org.when(status).then_at(noon, crm="disabled")


def test_enabled_grants_also_where_a_plan_does(org: Scenario) -> None:
    org.given(fact(ModuleGranted, key=CRM, source=PLAN))
    org.when(ENABLED).then(fact(ModuleGranted, source="admin"))


def test_enabled_from_another_source_grants_from_it(org: Scenario) -> None:
    """Only the admin's word converts a trial: the conversion opens an `admin` grant."""
    org.given(fact(TrialStarted, key=CRM, ends_at=soon))
    org.when(SetStatus(key=CRM, status="enabled", source=PLAN))
    org.then(fact(ModuleGranted, source=PLAN))


def test_trial_starts_one(org: Scenario) -> None:
    org.when(TRIAL).then(fact(TrialStarted, starts=noon, ends_at=later, overrides=None))
    org.then_warned()


def test_trial_ends_the_admins_full_grant(org: Scenario) -> None:
    org.given(fact(ModuleGranted, key=CRM, grant_id="g1"))
    org.when(TRIAL)
    org.then(fact(GrantEnded, grant_id="g1", ended_by="revoked"), fact(TrialStarted))
    org.then_at(noon - us, crm="enabled")
    org.then_at(noon, crm="trial")


def test_trial_to_a_later_end_extends_the_running_one(org: Scenario) -> None:
    org.given(fact(TrialStarted, key=CRM, grant_id="t1", ends_at=soon))
    org.when(TRIAL).then(fact(TrialExtended, grant_id="t1", previous_ends_at=soon, ends_at=later))


def test_trial_to_an_earlier_end_replaces_the_running_one(org: Scenario) -> None:
    org.given(fact(TrialStarted, key=CRM, grant_id="t1", ends_at=later + day))
    org.when(TRIAL).then(
        fact(GrantEnded, grant_id="t1", ended_by="superseded"),
        fact(TrialStarted, starts=noon, ends_at=later, overrides="t1"),
    )


def test_trial_overrides_the_once_only_rule_and_that_is_recorded(org: Scenario) -> None:
    org.given(fact(TrialStarted, key=CRM, grant_id="t1", ends_at=noon))
    org.when(TRIAL).then(fact(TrialStarted, overrides="t1"))


def test_only_a_super_admins_trial_overrides_the_once_only_rule(org: Scenario) -> None:
    org.given(fact(TrialStarted, key=CRM, grant_id="t1", ends_at=noon))
    org.when(TRIAL, by=ORG_ADMIN)
    org.then_refused(TrialAlreadyUsed, "trial_already_used", grant_id="t1")


def test_anybodys_trial_may_extend_the_running_one(org: Scenario) -> None:
    org.given(fact(TrialStarted, key=CRM, ends_at=soon))
    org.when(TRIAL, by=ORG_ADMIN).then(fact(TrialExtended))


def test_trial_warns_where_another_source_grants_in_full(org: Scenario) -> None:
    org.given(fact(ModuleGranted, key=CRM, source=PLAN), fact(ModuleGranted, key=CRM))
    org.when(TRIAL).then_warned("stays enabled: plan:gold@3 still grants it in full")
    org.then_at(noon, crm="enabled").then_granted_by(PLAN, "trial")


def test_trial_does_not_warn_of_what_is_only_to_come(org: Scenario) -> None:
    org.given(fact(ModuleGranted, key=CRM, source=PLAN, starts=soon))
    org.when(TRIAL).then_warned().then_at(noon, crm="trial")


def test_trial_lifts_the_admins_block(org: Scenario) -> None:
    org.given(fact(AccessBlocked, key=CRM))
    org.when(TRIAL).then(fact(AccessUnblocked), fact(TrialStarted))


def test_trial_needs_an_end(org: Scenario) -> None:
    org.when(SetStatus(key=CRM, status="trial"))
    org.then_refused(TrialEndMissing, "trial_end_missing", key=CRM)


@pytest.mark.parametrize("ends", [noon, noon - us])
def test_trial_ends_in_the_future(org: Scenario, ends: datetime) -> None:
    org.when(SetStatus(key=CRM, status="trial", trial_ends=ends))
    org.then_refused(NotInFuture, "not_in_future")


def test_trial_lasts_no_longer_than_the_catalog_allows(org: Scenario) -> None:
    org.when(SetStatus(key=CRM, status="trial", trial_ends=noon + LONGEST_TRIAL))
    org.then(fact(TrialStarted))
    org.when(SetStatus(key=CRM, status="trial", trial_ends=noon + LONGEST_TRIAL + us))
    org.then_refused(TrialTooLong, "trial_too_long")


def test_a_trials_end_without_a_time_zone_is_refused(org: Scenario) -> None:
    org.when(SetStatus(key=CRM, status="trial", trial_ends=later.replace(tzinfo=None)))
    org.then_refused(NaiveTimestamp, "naive_timestamp")


def test_disabled_revokes_the_admins_grant_and_the_trial(org: Scenario) -> None:
    org.given(
        fact(ModuleGranted, key=CRM, grant_id="g1"),
        fact(TrialStarted, key=CRM, grant_id="t1", ends_at=soon),
    )
    org.when(DISABLED).then(
        fact(GrantEnded, grant_id="g1", ended_by="revoked"),
        fact(GrantEnded, grant_id="t1", ended_by="revoked"),
    )
    org.then_warned("admin and trial ended").then_denied(CRM, "revoked")


def test_disabled_blocks_what_something_else_still_grants(org: Scenario) -> None:
    """Case 5."""
    org.given(fact(ModuleGranted, key=CRM, source=PLAN), fact(ModuleGranted, key=CRM))
    org.when(DISABLED).then(
        fact(GrantEnded, source="admin"),
        fact(AccessBlocked, scope="module", key=CRM, category="admin_off", ends=None),
    )
    org.then_warned("blocked (admin_off), because plan:gold@3 still grants it")
    org.then_granted_by(PLAN).then_denied(CRM, "blocked")


def test_disabled_changes_nothing_where_nothing_is_granted(org: Scenario) -> None:
    org.when(DISABLED).then_nothing().then_warned()


def test_disabled_from_another_source_revokes_that_one(org: Scenario) -> None:
    org.given(
        fact(ModuleGranted, key=CRM, grant_id="p1", source=PLAN), fact(ModuleGranted, key=CRM)
    )
    org.when(SetStatus(key=CRM, status="disabled", source=PLAN))
    org.then(fact(GrantEnded, grant_id="p1"), fact(AccessBlocked, category="admin_off"))


@pytest.mark.parametrize("status", ["enabled", "trial", "disabled"])
def test_only_a_source_can_stand_behind_a_status(org: Scenario, status: str) -> None:
    org.when(SetStatus(key=CRM, status=status, trial_ends=later, source="trial"))  # type: ignore[arg-type]
    org.then_refused(InvalidSource, "invalid_source")


def test_the_answer_tells_the_state_before_and_after(org: Scenario) -> None:
    org.given(fact(TrialStarted, key=CRM, ends_at=soon))
    org.when(ENABLED)
    assert org.outcome.before == {CRM: "trial", LEADS: "trial"}
    assert org.outcome.after == {CRM: "enabled", LEADS: "enabled"}
