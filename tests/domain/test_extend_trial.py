"""Extending a trial: only a running one, only to a later end, only within the longest trial."""

import pytest

from domain.commands import ExtendTrial, RevokeAccess, StartTrial
from domain.facts import GrantEnded, ModuleGranted, TrialExtended, TrialStarted
from domain.refusals import NaiveTimestamp, NotInFuture, NotLater, TrialNotRunning, TrialTooLong
from tests.domain.scenario import Described, Scenario, fact
from tests.domain.world import CRM, EMAIL, LONGEST_TRIAL, day, hour, morning, noon, us

soon = noon + 3 * day
later = noon + 5 * day


def test_days_count_from_the_current_end(org: Scenario) -> None:
    org.given(fact(TrialStarted, key=CRM, grant_id="t1", ends_at=soon))
    org.when(ExtendTrial(key=CRM, by_days=2))
    org.then(
        fact(TrialExtended, grant_id="t1", previous_ends_at=soon, ends_at=later, effective_at=noon)
    )
    org.then_at(soon, crm="trial")
    org.then_at(later - us, crm="trial")
    org.then_at(later, crm="disabled")


def test_a_trial_may_be_extended_to_an_instant(org: Scenario) -> None:
    org.given(fact(TrialStarted, key=CRM, ends_at=soon))
    org.when(ExtendTrial(key=CRM, until=later)).then(fact(TrialExtended, ends_at=later))


def test_an_extension_counts_as_the_same_trial(org: Scenario) -> None:
    org.given(fact(TrialStarted, key=CRM, grant_id="t1", ends_at=soon))
    org.when(ExtendTrial(key=CRM, until=later))
    used = org.org.used_trials[CRM]
    assert (used.grant_id, used.starts, used.ends) == ("t1", morning, later)


@pytest.mark.parametrize(
    "extension",
    [
        ExtendTrial(key=CRM, until=soon),
        ExtendTrial(key=CRM, until=soon - us),
        ExtendTrial(key=CRM, by_days=0),
        ExtendTrial(key=CRM, by_days=-1),
    ],
    ids=["the same", "earlier", "no days", "fewer days"],
)
def test_an_extension_must_be_later(org: Scenario, extension: ExtendTrial) -> None:
    org.given(fact(TrialStarted, key=CRM, ends_at=soon))
    org.when(extension)
    org.then_refused(NotLater, "not_later", key=CRM, current="2026-03-05T12:00:00.000000Z")


def test_an_extension_must_end_in_the_future(org: Scenario) -> None:
    org.given(fact(TrialStarted, key=CRM, ends_at=soon))
    org.when(ExtendTrial(key=CRM, until=noon)).then_refused(NotInFuture, "not_in_future")


def test_an_extension_may_reach_the_longest_trial_from_now(org: Scenario) -> None:
    org.given(fact(TrialStarted, key=CRM, ends_at=soon))
    org.when(ExtendTrial(key=CRM, until=noon + LONGEST_TRIAL)).then(fact(TrialExtended))


@pytest.mark.parametrize(
    "extension",
    [ExtendTrial(key=CRM, until=noon + LONGEST_TRIAL + us), ExtendTrial(key=CRM, by_days=88)],
    ids=["until", "days"],
)
def test_an_extension_may_not_reach_further(org: Scenario, extension: ExtendTrial) -> None:
    org.given(fact(TrialStarted, key=CRM, ends_at=soon))
    org.when(extension).then_refused(TrialTooLong, "trial_too_long", days=90)


def test_an_extension_without_a_time_zone_is_refused(org: Scenario) -> None:
    org.given(fact(TrialStarted, key=CRM, ends_at=soon))
    org.when(ExtendTrial(key=CRM, until=later.replace(tzinfo=None)))
    org.then_refused(NaiveTimestamp, "naive_timestamp", field="until")


@pytest.mark.parametrize(
    "before",
    [
        [],
        [fact(TrialStarted, key=CRM, ends_at=noon)],
        [fact(TrialStarted, key=CRM, starts=noon + us, ends_at=soon)],
        [fact(ModuleGranted, key=CRM)],
    ],
    ids=["never", "ended", "to come", "a grant"],
)
def test_only_a_running_trial_is_extended(org: Scenario, before: list[Described]) -> None:
    org.given(*before)
    org.when(ExtendTrial(key=CRM, by_days=1))
    org.then_refused(TrialNotRunning, "trial_not_running", key=CRM)


def test_a_revoked_trial_is_not_extended(org: Scenario) -> None:
    org.given(fact(TrialStarted, key=CRM, ends_at=soon))
    org.when(RevokeAccess(key=CRM, source="trial"))
    org.when(ExtendTrial(key=CRM, by_days=1), at=noon + hour)
    org.then_refused(TrialNotRunning, "trial_not_running")


def test_the_running_trial_is_extended_also_where_another_is_to_follow(org: Scenario) -> None:
    org.given(fact(TrialStarted, key=CRM, grant_id="t1", ends_at=soon))
    org.when(StartTrial(key=CRM, starts=later, until=later + day, override_policy=True))
    org.when(ExtendTrial(key=CRM, by_days=1), at=noon + hour)
    org.then(fact(TrialExtended, grant_id="t1", ends_at=soon + day))


def test_a_latent_trial_is_extended(org: Scenario) -> None:
    org.given(fact(TrialStarted, key=CRM, ends_at=soon), fact(ModuleGranted, key=CRM))
    org.when(ExtendTrial(key=CRM, by_days=1)).then(fact(TrialExtended))
    org.then_at(noon, crm="enabled")


def test_nothing_that_is_always_on_is_on_trial(org: Scenario) -> None:
    org.when(ExtendTrial(key=EMAIL, by_days=1))
    org.then_refused(TrialNotRunning, "trial_not_running", key=EMAIL)


def test_a_trial_that_is_extended_over_the_next_takes_its_place(org: Scenario) -> None:
    """There is one trial of a key at a time."""
    org.given(fact(TrialStarted, key=CRM, grant_id="t1", ends_at=soon))
    org.when(StartTrial(key=CRM, starts=soon + day, until=later, override_policy=True))
    org.when(ExtendTrial(key=CRM, until=later + day), at=noon + hour)
    org.then(
        fact(GrantEnded, ended_by="superseded", effective_at=noon + hour),
        fact(TrialExtended, grant_id="t1", ends_at=later + day),
    )
    org.then_at(later, crm="trial").then_at(later + day, crm="disabled")
