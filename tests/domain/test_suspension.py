"""Suspending an org: everything it has sleeps, and wakes exactly as it is by then."""

from domain.commands import BlockAccess, GrantAccess, ResumeOrg, RevokeAccess, SuspendOrg
from domain.facts import AccessBlocked, AccessUnblocked, ModuleGranted, TrialStarted
from tests.domain.scenario import Scenario, fact
from tests.domain.world import CRM, HR, LEADS, PAYROLL, day, noon, us

soon = noon + 3 * day
later = noon + 5 * day


def test_a_suspended_org_has_nothing_but_what_is_never_gated(org: Scenario) -> None:
    org.given(fact(ModuleGranted, key=CRM), fact(TrialStarted, key=HR, ends_at=later))
    org.when(SuspendOrg())
    org.then(fact(AccessBlocked, scope="org", key=None, category="suspension", ends=None))
    org.then_at(noon - us, crm="enabled", hr="trial", email="enabled")
    org.then_at(noon, crm="disabled", hr="disabled", email="enabled", settings="enabled")
    assert org.outcome.changed_keys == (CRM, LEADS, HR, PAYROLL)


def test_suspending_again_changes_nothing(org: Scenario) -> None:
    org.when(SuspendOrg())
    org.when(SuspendOrg(), at=soon).then_nothing()


def test_resuming_restores_exactly_what_the_grants_say(org: Scenario) -> None:
    org.given(fact(ModuleGranted, key=CRM), fact(TrialStarted, key=HR, ends_at=soon))
    org.when(SuspendOrg())
    org.when(ResumeOrg(), at=later).then(fact(AccessUnblocked, scope="org", key=None))
    org.then_at(later, crm="enabled", hr="disabled")
    org.then_denied(HR, "trial_expired", at=later)


def test_resuming_what_is_not_suspended_changes_nothing(org: Scenario) -> None:
    org.when(ResumeOrg()).then_nothing()


def test_resuming_leaves_other_blocks_of_the_org(org: Scenario) -> None:
    org.given(fact(ModuleGranted, key=CRM))
    org.when(BlockAccess(scope="org", category="abuse"), SuspendOrg())
    org.when(ResumeOrg(), at=soon)
    org.then_at(soon, crm="disabled")


def test_grants_made_while_suspended_are_recorded_and_wake_at_resume(org: Scenario) -> None:
    """Case 17."""
    org.given(fact(ModuleGranted, key=HR))
    org.when(SuspendOrg())
    org.when(GrantAccess(key=CRM), RevokeAccess(key=HR), at=soon)
    assert len(org.outcome.facts) == 2
    assert org.outcome.changed_keys == ()
    org.then_at(later - us, crm="disabled", hr="disabled")
    org.when(ResumeOrg(), at=later)
    org.then_at(later, crm="enabled", hr="disabled")
