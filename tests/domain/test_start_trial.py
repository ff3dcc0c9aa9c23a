"""Starting a trial: bounded, once per key in all history, and not where access is full already."""

from datetime import datetime

import pytest

from domain.commands import GrantAccess, RevokeAccess, StartTrial
from domain.facts import AccessBlocked, GrantEnded, ModuleGranted, TrialStarted
from domain.refusals import (
    AlreadyEnabled,
    Backdated,
    EmptyInterval,
    NaiveTimestamp,
    NotInFuture,
    NotPermitted,
    TrialAlreadyUsed,
    TrialTooLong,
)
from tests.domain.scenario import Scenario, fact
from tests.domain.world import (
    CRM,
    FORECASTS,
    HR,
    LEADS,
    LONGEST_TRIAL,
    ORG_ADMIN,
    day,
    hour,
    morning,
    noon,
    us,
)

soon = noon + 3 * day
later = noon + 5 * day


def test_a_trial_ends_at_its_end(org: Scenario) -> None:
    """The end is exclusive: at the very instant the module is disabled."""
    org.given(fact(TrialStarted, key=CRM, ends_at=noon))
    org.then_at(noon - 1 * us, crm="trial")
    org.then_at(noon, crm="disabled")


def test_a_trial_starts_now(org: Scenario) -> None:
    org.when(StartTrial(key=CRM, until=later))
    org.then(fact(TrialStarted, key=CRM, starts=noon, ends_at=later, overrides=None))
    org.then_at(noon - us, crm="disabled")
    org.then_at(noon, crm="trial")


def test_a_trial_has_the_source_trial(org: Scenario) -> None:
    org.when(StartTrial(key=CRM, until=later)).then_granted_by("trial")


def test_a_trial_may_be_scheduled(org: Scenario) -> None:
    org.when(StartTrial(key=CRM, starts=soon, until=later))
    org.then(fact(TrialStarted, starts=soon, ends_at=later, effective_at=soon))
    org.then_at(soon - us, crm="disabled")
    org.then_at(soon, crm="trial")


def test_a_submodule_may_be_tried(org: Scenario) -> None:
    org.given(fact(ModuleGranted, key=CRM))
    org.when(StartTrial(key=FORECASTS, until=later))
    org.then_at(noon, {"crm": "enabled", "crm.forecasts": "trial"})


def test_a_trial_may_be_as_long_as_the_catalog_allows(org: Scenario) -> None:
    org.when(StartTrial(key=CRM, until=noon + LONGEST_TRIAL)).then(fact(TrialStarted))


def test_a_trial_may_not_be_longer_than_the_catalog_allows(org: Scenario) -> None:
    org.when(StartTrial(key=CRM, until=noon + LONGEST_TRIAL + us))
    org.then_refused(
        TrialTooLong,
        "trial_too_long",
        until="2026-05-31T12:00:00.000001Z",
        latest="2026-05-31T12:00:00.000000Z",
        days=90,
    )


def test_the_length_of_a_scheduled_trial_counts_from_its_start(org: Scenario) -> None:
    org.when(StartTrial(key=CRM, starts=soon, until=soon + LONGEST_TRIAL)).then(fact(TrialStarted))
    org.when(StartTrial(key=HR, starts=soon, until=soon + LONGEST_TRIAL + us))
    org.then_refused(TrialTooLong, "trial_too_long")


def test_a_trial_at_the_end_of_time_is_refused_like_any_other(org: Scenario) -> None:
    last = datetime.max.replace(tzinfo=noon.tzinfo)
    org.when(StartTrial(key=CRM, until=last)).then_refused(TrialTooLong, "trial_too_long")
    org.when(StartTrial(key=CRM, starts=last - day, until=last)).then(fact(TrialStarted))


@pytest.mark.parametrize("until", [noon, noon - us])
def test_a_trial_ends_in_the_future(org: Scenario, until: datetime) -> None:
    org.when(StartTrial(key=CRM, until=until)).then_refused(NotInFuture, "not_in_future")


def test_a_trial_ends_after_its_start(org: Scenario) -> None:
    org.when(StartTrial(key=CRM, starts=soon, until=soon))
    org.then_refused(EmptyInterval, "empty_interval")


def test_a_trial_cannot_reach_back(org: Scenario) -> None:
    org.when(StartTrial(key=CRM, starts=noon - us, until=later))
    org.then_refused(Backdated, "backdated", field="from")


def test_the_trial_of_an_import_may_reach_back(org: Scenario) -> None:
    org.when(StartTrial(key=CRM, starts=morning, until=noon - hour), may_backdate=True)
    org.then(fact(TrialStarted, starts=morning, ends_at=noon - hour))
    org.then_denied(CRM, "trial_expired")


@pytest.mark.parametrize(
    ("command", "field"),
    [
        (StartTrial(key=CRM, until=later.replace(tzinfo=None)), "until"),
        (StartTrial(key=CRM, starts=soon.replace(tzinfo=None), until=later), "from"),
    ],
    ids=["until", "from"],
)
def test_an_instant_without_a_time_zone_is_refused(
    org: Scenario, command: StartTrial, field: str
) -> None:
    org.when(command).then_refused(NaiveTimestamp, "naive_timestamp", field=field)


def test_the_running_trial_again_changes_nothing(org: Scenario) -> None:
    org.given(fact(TrialStarted, key=CRM, ends_at=later))
    org.when(StartTrial(key=CRM, until=later)).then_nothing()


def test_a_trial_from_now_is_not_the_scheduled_one(org: Scenario) -> None:
    """Answering that nothing changes would leave the author without the trial."""
    org.given(fact(TrialStarted, key=CRM, starts=soon, ends_at=later))
    org.when(StartTrial(key=CRM, until=later)).then_refused(TrialAlreadyUsed, "trial_already_used")


def test_there_is_one_trial_of_a_key_in_all_history(org: Scenario) -> None:
    org.given(fact(TrialStarted, key=CRM, grant_id="t1", starts=morning, ends_at=noon - hour))
    org.when(StartTrial(key=CRM, until=later))
    org.then_refused(
        TrialAlreadyUsed,
        "trial_already_used",
        key=CRM,
        grant_id="t1",
        starts="2026-03-02T08:00:00.000000Z",
        until="2026-03-02T11:00:00.000000Z",
    )


def test_a_trial_that_was_taken_back_before_it_began_was_none(org: Scenario) -> None:
    org.when(StartTrial(key=CRM, starts=noon + day, until=noon + 3 * day))
    org.when(RevokeAccess(key=CRM, source="trial"), at=noon + hour)
    org.when(StartTrial(key=CRM, until=noon + 2 * day), at=noon + hour)
    org.then_at(noon + hour, crm="trial")


def test_one_that_was_taken_back_leaves_the_earlier_one_used(org: Scenario) -> None:
    org.when(StartTrial(key=CRM, until=noon + hour))
    used = org.org.used_trials[CRM].grant_id
    org.when(
        StartTrial(key=CRM, starts=noon + day, until=noon + 3 * day, override_policy=True),
        at=noon + 2 * hour,
    )
    org.when(RevokeAccess(key=CRM, source="trial"), at=noon + 3 * hour)
    assert org.org.used_trials[CRM].grant_id == used


def test_a_used_trial_is_remembered_beyond_the_grants_that_followed(org: Scenario) -> None:
    org.given(fact(TrialStarted, key=CRM, grant_id="t1", ends_at=later))
    org.when(RevokeAccess(key=CRM, scope="all"))
    org.when(GrantAccess(key=CRM), at=noon + hour)
    org.when(RevokeAccess(key=CRM), at=noon + 2 * hour)
    org.when(StartTrial(key=CRM, until=later), at=noon + 3 * hour)
    org.then_refused(
        TrialAlreadyUsed, "trial_already_used", grant_id="t1", until="2026-03-02T12:00:00.000000Z"
    )


def test_the_trial_of_one_key_leaves_the_others_theirs(org: Scenario) -> None:
    org.given(fact(TrialStarted, key=CRM, ends_at=noon))
    org.when(StartTrial(key=HR, until=later)).then(fact(TrialStarted, key=HR))
    org.when(StartTrial(key=FORECASTS, until=later)).then(fact(TrialStarted, key=FORECASTS))


def test_a_super_admin_may_override_and_it_is_recorded(org: Scenario) -> None:
    org.given(fact(TrialStarted, key=CRM, grant_id="t1", ends_at=noon))
    org.when(StartTrial(key=CRM, until=later, override_policy=True))
    org.then(fact(TrialStarted, overrides="t1", starts=noon, ends_at=later))


def test_a_first_trial_overrides_nothing(org: Scenario) -> None:
    org.when(StartTrial(key=CRM, until=later, override_policy=True), by=ORG_ADMIN)
    org.then(fact(TrialStarted, overrides=None))


def test_nobody_else_may_override(org: Scenario) -> None:
    org.given(fact(TrialStarted, key=CRM, ends_at=noon))
    org.when(StartTrial(key=CRM, until=later, override_policy=True), by=ORG_ADMIN)
    org.then_refused(NotPermitted, "not_permitted")


def test_an_overriding_trial_takes_the_place_of_the_running_one(org: Scenario) -> None:
    org.given(fact(TrialStarted, key=CRM, grant_id="t1", ends_at=later))
    org.when(StartTrial(key=CRM, until=soon, override_policy=True))
    org.then(
        fact(GrantEnded, grant_id="t1", ended_by="superseded", effective_at=noon),
        fact(TrialStarted, overrides="t1", ends_at=soon),
    )
    org.then_at(soon, crm="disabled")


def test_an_overriding_trial_never_prolongs_the_running_one(org: Scenario) -> None:
    org.given(fact(TrialStarted, key=CRM, ends_at=soon))
    org.when(StartTrial(key=CRM, starts=later, until=later + day, override_policy=True))
    org.then(fact(TrialStarted, starts=later))
    org.then_at(soon, crm="disabled")
    org.then_at(later, crm="trial")


def test_a_trial_of_what_is_enabled_is_refused(org: Scenario) -> None:
    """Case 7."""
    org.given(fact(ModuleGranted, key=CRM), fact(ModuleGranted, key=CRM, source="plan:gold@3"))
    org.when(StartTrial(key=CRM, until=later))
    org.then_refused(AlreadyEnabled, "already_enabled", key=CRM, sources=["admin", "plan:gold@3"])


def test_a_trial_of_what_comes_with_its_module_is_refused(org: Scenario) -> None:
    """It would use up the one trial there is, for nothing."""
    org.given(fact(ModuleGranted, key=CRM))
    org.when(StartTrial(key=LEADS, until=later))
    org.then_refused(AlreadyEnabled, "already_enabled", key=LEADS, sources=["admin"])
    org.when(StartTrial(key=FORECASTS, until=later)).then(fact(TrialStarted, key=FORECASTS))


def test_a_trial_may_lie_latent_under_a_grant(org: Scenario) -> None:
    """Case 7."""
    org.given(fact(ModuleGranted, key=CRM, ends=soon))
    org.when(StartTrial(key=CRM, until=later, allow_latent=True)).then(fact(TrialStarted))
    org.then_at(soon - us, crm="enabled")
    org.then_at(soon, crm="trial")
    org.then_at(later, crm="disabled")


def test_a_blocked_grant_still_enables(org: Scenario) -> None:
    """Blocks are listed apart: a trial would not help against one."""
    org.given(fact(ModuleGranted, key=CRM), fact(AccessBlocked, key=CRM))
    org.when(StartTrial(key=CRM, until=later)).then_refused(AlreadyEnabled, "already_enabled")
