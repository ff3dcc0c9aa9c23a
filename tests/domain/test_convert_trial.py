"""Converting a trial: it becomes a full grant at one instant, in one fact where there was none."""

import pytest

from domain.commands import ConvertTrial, StartTrial
from domain.facts import GrantEnded, ModuleGranted, TrialConverted, TrialStarted
from domain.refusals import TrialNotRunning
from tests.domain.scenario import Described, Scenario, fact
from tests.domain.world import CRM, day, hour, noon, us

soon = noon + 3 * day
later = noon + 5 * day


def test_a_conversion_leaves_no_gap(org: Scenario) -> None:
    org.given(fact(TrialStarted, key=CRM, grant_id="t1", ends_at=soon))
    org.when(ConvertTrial(key=CRM))
    org.then(fact(TrialConverted, trial_id="t1", key=CRM, source="admin", effective_at=noon))
    org.then_at(noon - us, crm="trial")
    org.then_at(noon, crm="enabled")
    org.then_at(soon, crm="enabled")


def test_a_conversion_opens_a_grant_without_an_end(org: Scenario) -> None:
    org.given(fact(TrialStarted, key=CRM, grant_id="t1", ends_at=soon))
    org.when(ConvertTrial(key=CRM)).then_granted_by("admin")
    (granted,) = [grant for grant in org.org.grants.values() if grant.kind == "full"]
    assert (granted.starts, granted.ends) == (noon, None)
    assert granted.id != "t1"


def test_a_conversion_keeps_the_admin_grant_that_stands(org: Scenario) -> None:
    org.given(
        fact(ModuleGranted, key=CRM, grant_id="g1", ends=later),
        fact(TrialStarted, key=CRM, grant_id="t1", ends_at=soon),
    )
    org.when(ConvertTrial(key=CRM))
    org.then(fact(GrantEnded, grant_id="t1", source="trial", ended_by="converted"))
    org.then_at(later - us, crm="enabled")
    org.then_at(later, crm="disabled")


def test_a_conversion_replaces_the_admin_grant_that_was_to_come(org: Scenario) -> None:
    org.given(
        fact(ModuleGranted, key=CRM, grant_id="g1", starts=soon, ends=later),
        fact(TrialStarted, key=CRM, grant_id="t1", ends_at=soon),
    )
    org.when(ConvertTrial(key=CRM))
    org.then(
        fact(GrantEnded, grant_id="g1", ended_by="superseded"),
        fact(TrialConverted, trial_id="t1"),
    )
    org.then_at(later, crm="enabled")


def test_a_conversion_leaves_other_sources_alone(org: Scenario) -> None:
    org.given(
        fact(ModuleGranted, key=CRM, source="plan:gold@3", ends=later),
        fact(TrialStarted, key=CRM, ends_at=soon),
    )
    org.when(ConvertTrial(key=CRM)).then(fact(TrialConverted))
    org.then_granted_by("admin", "plan:gold@3")


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
def test_only_a_running_trial_is_converted(org: Scenario, before: list[Described]) -> None:
    org.given(*before)
    org.when(ConvertTrial(key=CRM)).then_refused(TrialNotRunning, "trial_not_running", key=CRM)


def test_a_trial_is_converted_once(org: Scenario) -> None:
    org.given(fact(TrialStarted, key=CRM, ends_at=soon))
    org.when(ConvertTrial(key=CRM))
    org.when(ConvertTrial(key=CRM), at=noon + hour)
    org.then_refused(TrialNotRunning, "trial_not_running")


def test_a_converted_trial_ended_when_it_was_converted(org: Scenario) -> None:
    org.given(fact(TrialStarted, key=CRM, grant_id="t1", ends_at=soon))
    org.when(ConvertTrial(key=CRM))
    used = org.org.used_trials[CRM]
    assert (used.grant_id, used.ends) == ("t1", noon)


def test_a_trial_that_was_to_follow_ends_with_the_one_that_is_converted(org: Scenario) -> None:
    org.given(fact(TrialStarted, key=CRM, grant_id="t1", ends_at=soon))
    org.when(StartTrial(key=CRM, starts=soon + day, until=soon + 2 * day, override_policy=True))
    org.when(ConvertTrial(key=CRM), at=noon + hour)
    assert {g.source for g in org.org.grants.values() if g.live(noon + hour)} == {"admin"}
