"""What is still to come: each change once, in order, with the fact that scheduled it."""

from domain.commands import (
    BlockAccess,
    CancelScheduled,
    GrantAccess,
    RevokeAccess,
    StartTrial,
    SuspendOrg,
)
from domain.facts import AccessBlocked, GrantEnded, ModuleGranted, TrialStarted
from domain.pending import Pending, pending
from tests.domain.scenario import Scenario
from tests.domain.test_history import history
from tests.domain.world import CATALOG, CRM, HR, day, noon

soon = noon + 3 * day
later = noon + 5 * day


def listed(org: Scenario) -> list[Pending]:
    return pending(history(org), CATALOG, at=noon)


def states(change: Pending) -> dict[str, list[str]]:
    return {key: [state.label for state in pair] for key, pair in change.states.items()}


def test_changes_are_listed_as_they_come(org: Scenario) -> None:
    org.when(
        BlockAccess(scope="org", category="abuse", starts=later, until=later + day),
        GrantAccess(key=CRM, starts=soon),
        StartTrial(key=HR, until=noon + day),
    )
    assert [(found.change.kind, found.change.at) for found in listed(org)] == [
        ("trial_ends", noon + day),
        ("grant_starts", soon),
        ("block_starts", later),
        ("block_ends", later + day),
    ]
    facts = [type(found.because.fact) for found in listed(org)]
    assert facts == [TrialStarted, ModuleGranted, AccessBlocked, AccessBlocked]


def test_a_change_tells_what_becomes_of_which_keys(org: Scenario) -> None:
    org.when(StartTrial(key=HR, until=soon), GrantAccess(key=CRM))
    (change,) = listed(org)
    assert states(change) == {
        "hr": ["trial", "disabled"],
        "hr.payroll": ["trial", "disabled"],
    }


def test_what_another_source_still_gives_does_not_change(org: Scenario) -> None:
    org.when(GrantAccess(key=CRM, until=soon), GrantAccess(key=CRM, source="plan:gold@3"))
    (change,) = listed(org)
    assert states(change) == {}


def test_nothing_changes_under_a_suspension(org: Scenario) -> None:
    org.when(GrantAccess(key=CRM, starts=soon), SuspendOrg())
    (change,) = listed(org)
    assert states(change) == {}


def test_a_change_is_told_by_who_scheduled_it_last(org: Scenario) -> None:
    """A grant's own end, a revoke before it, and the grant's own end again."""
    org.when(GrantAccess(key=CRM, until=later))
    assert isinstance(listed(org)[0].because.fact, ModuleGranted)
    org.when(RevokeAccess(key=CRM, at=soon))
    assert isinstance(listed(org)[0].because.fact, GrantEnded)
    org.when(CancelScheduled(change_id=listed(org)[0].change.id))
    assert [found.change.at for found in listed(org)] == [later]
    assert isinstance(listed(org)[0].because.fact, ModuleGranted)


def test_what_can_be_cancelled_is_told(org: Scenario) -> None:
    org.when(StartTrial(key=HR, until=soon), GrantAccess(key=CRM, until=later))
    assert [found.change.cancellable for found in listed(org)] == [False, True]
