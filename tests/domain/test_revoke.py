"""Revoking: ending what one source gives, or every source, now or at an instant to come."""

import pytest

from domain.commands import ExtendTrial, GrantAccess, RevokeAccess
from domain.commands.grants import ContradictoryScope
from domain.facts import GrantEnded, ModuleGranted, TrialExtended, TrialStarted
from domain.refusals import Backdated, InvalidSource, NaiveTimestamp
from tests.domain.scenario import Scenario, fact
from tests.domain.world import CRM, HR, LEADS, day, hour, morning, noon, us

soon = noon + 3 * day
later = noon + 5 * day


def test_a_revoke_ends_the_admin_grant_now(org: Scenario) -> None:
    org.given(fact(ModuleGranted, key=CRM, grant_id="g1"))
    org.when(RevokeAccess(key=CRM))
    org.then(fact(GrantEnded, grant_id="g1", source="admin", ended_by="revoked", effective_at=noon))
    org.then_at(noon - us, crm="enabled")
    org.then_at(noon, crm="disabled")
    org.then_denied(CRM, "revoked")


def test_a_revoke_leaves_what_the_plan_still_gives(org: Scenario) -> None:
    """Case 4."""
    org.given(fact(ModuleGranted, key=CRM), fact(ModuleGranted, key=CRM, source="plan:gold@3"))
    org.when(RevokeAccess(key=CRM))
    org.then_at(noon, crm="enabled")
    org.then_granted_by("plan:gold@3")
    org.then_warned("'crm' is still granted by plan:gold@3")


def test_a_revoke_of_what_was_never_granted_changes_nothing(org: Scenario) -> None:
    """Case 11."""
    org.when(RevokeAccess(key=CRM)).then_nothing()
    org.when(RevokeAccess(key=CRM, scope="all")).then_nothing()


def test_a_revoke_of_what_has_ended_changes_nothing(org: Scenario) -> None:
    org.given(fact(ModuleGranted, key=CRM, ends=noon))
    org.when(RevokeAccess(key=CRM)).then_nothing()


def test_a_revoke_names_one_source(org: Scenario) -> None:
    org.given(
        fact(ModuleGranted, key=CRM),
        fact(ModuleGranted, key=CRM, grant_id="p1", source="plan:gold@3"),
    )
    org.when(RevokeAccess(key=CRM, source="plan:gold@3")).then(fact(GrantEnded, grant_id="p1"))
    org.then_granted_by("admin")


def test_a_revoke_may_name_one_reference_of_a_source(org: Scenario) -> None:
    org.given(
        fact(ModuleGranted, key=CRM, grant_id="a", source_ref="contract-1"),
        fact(ModuleGranted, key=CRM, grant_id="b", source_ref="contract-2"),
    )
    org.when(RevokeAccess(key=CRM, source_ref="contract-2"))
    org.then(fact(GrantEnded, grant_id="b", source_ref="contract-2"))
    org.then_at(noon, crm="enabled")


def test_a_revoke_without_a_reference_ends_all_of_the_source(org: Scenario) -> None:
    org.given(
        fact(ModuleGranted, key=CRM, grant_id="a", source_ref="contract-1"),
        fact(ModuleGranted, key=CRM, grant_id="b"),
    )
    org.when(RevokeAccess(key=CRM))
    org.then(fact(GrantEnded, grant_id="a"), fact(GrantEnded, grant_id="b"))


def test_a_revoke_of_all_ends_every_source_and_the_trial(org: Scenario) -> None:
    org.given(
        fact(ModuleGranted, key=CRM, grant_id="a"),
        fact(ModuleGranted, key=CRM, grant_id="p", source="plan:gold@3"),
        fact(TrialStarted, key=CRM, grant_id="t", ends_at=later),
        fact(ModuleGranted, key=HR),
    )
    org.when(RevokeAccess(key=CRM, scope="all"))
    org.then(*(fact(GrantEnded, grant_id=each, ended_by="revoked") for each in ("a", "p", "t")))
    org.then_at(noon, crm="disabled", hr="enabled")
    org.then_granted_by().then_warned()


def test_a_trial_is_revoked_by_its_source(org: Scenario) -> None:
    org.given(fact(TrialStarted, key=CRM, grant_id="t", ends_at=later))
    org.when(RevokeAccess(key=CRM, source="trial")).then(fact(GrantEnded, grant_id="t"))
    org.then_denied(CRM, "revoked")


def test_a_revoke_cancels_a_grant_that_has_not_started(org: Scenario) -> None:
    """Case 13, as far as grants go: before its instant a scheduled grant leaves no trace."""
    org.given(fact(ModuleGranted, key=CRM, starts=later))
    org.when(RevokeAccess(key=CRM), at=later - us)
    org.then_at(later, crm="disabled")
    org.then_denied(CRM, "not_granted", at=later)


def test_a_revoke_after_the_start_takes_nothing_back(org: Scenario) -> None:
    """Case 13, as far as grants go: what has taken effect is ended, not cancelled."""
    org.given(fact(ModuleGranted, key=CRM, starts=later))
    org.when(RevokeAccess(key=CRM), at=later + us)
    org.then_at(later, crm="enabled")
    org.then_denied(CRM, "revoked", at=later + us)


def test_a_revoke_may_be_scheduled(org: Scenario) -> None:
    org.given(fact(ModuleGranted, key=CRM, grant_id="g1"))
    org.when(RevokeAccess(key=CRM, at=later))
    org.then(fact(GrantEnded, grant_id="g1", timestamp=noon, effective_at=later))
    org.then_at(later - us, crm="enabled")
    org.then_at(later, crm="disabled")
    org.then_denied(CRM, "revoked", at=later)


def test_a_scheduled_revoke_never_prolongs(org: Scenario) -> None:
    org.given(fact(ModuleGranted, key=CRM, ends=soon))
    org.when(RevokeAccess(key=CRM, at=later)).then_nothing()


def test_a_scheduled_revoke_cancels_what_would_start_after_it(org: Scenario) -> None:
    org.given(fact(ModuleGranted, key=CRM, starts=later))
    org.when(RevokeAccess(key=CRM, at=soon))
    org.then_at(later, crm="disabled")


def test_a_scheduled_revoke_warns_of_what_grants_then(org: Scenario) -> None:
    org.given(
        fact(ModuleGranted, key=CRM),
        fact(ModuleGranted, key=CRM, source="plan:gold@3", ends=soon),
        fact(ModuleGranted, key=CRM, source="promo:spring", starts=soon),
    )
    org.when(RevokeAccess(key=CRM, at=later)).then_warned("still granted by promo:spring")


def test_an_extension_wins_over_an_earlier_scheduled_revoke(org: Scenario) -> None:
    """Case 12."""
    org.given(fact(TrialStarted, key=CRM, ends_at=later))
    org.when(RevokeAccess(key=CRM, source="trial", at=soon))
    org.when(ExtendTrial(key=CRM, until=later), at=soon - us)
    org.then(fact(TrialExtended, previous_ends_at=soon, ends_at=later))
    org.then_at(soon, crm="trial")
    org.then_denied(CRM, "trial_expired", at=later)


def test_a_new_grant_wins_over_an_earlier_scheduled_revoke(org: Scenario) -> None:
    """Case 12."""
    org.given(fact(ModuleGranted, key=CRM))
    org.when(RevokeAccess(key=CRM, at=soon))
    org.when(GrantAccess(key=CRM, until=later, on_conflict="supersede"), at=soon - us)
    org.then_at(soon, crm="enabled")
    org.then_denied(CRM, "grant_expired", at=later)


def test_an_earlier_revoke_wins_over_a_scheduled_one(org: Scenario) -> None:
    """Case 12."""
    org.given(fact(ModuleGranted, key=CRM))
    org.when(RevokeAccess(key=CRM, at=later))
    org.when(RevokeAccess(key=CRM, at=soon), at=noon + hour).then(fact(GrantEnded))
    org.then_at(soon, crm="disabled")


def test_a_revoke_cannot_reach_back(org: Scenario) -> None:
    org.given(fact(ModuleGranted, key=CRM))
    org.when(RevokeAccess(key=CRM, at=noon - us)).then_refused(Backdated, "backdated", field="at")


def test_the_revoke_of_an_import_may_reach_back(org: Scenario) -> None:
    org.given(fact(ModuleGranted, key=CRM, starts=morning))
    org.when(RevokeAccess(key=CRM, at=noon - hour), may_backdate=True)
    org.then(fact(GrantEnded, timestamp=noon, effective_at=noon - hour))
    org.then_at(noon - hour, crm="disabled")


def test_a_revoke_without_a_time_zone_is_refused(org: Scenario) -> None:
    org.when(RevokeAccess(key=CRM, at=later.replace(tzinfo=None)))
    org.then_refused(NaiveTimestamp, "naive_timestamp", field="at")


@pytest.mark.parametrize("source", ["sales", "plan:gold", "TRIAL"])
def test_only_a_source_can_be_revoked(org: Scenario, source: str) -> None:
    org.when(RevokeAccess(key=CRM, source=source)).then_refused(InvalidSource, "invalid_source")


@pytest.mark.parametrize(("source", "source_ref"), [("admin", None), (None, "order-7")])
def test_every_source_and_one_of_them_is_refused(
    org: Scenario, source: str | None, source_ref: str | None
) -> None:
    """Either meaning might be the one that was meant, and the wider one takes more away."""
    org.given(fact(ModuleGranted, key=CRM, source="plan:gold@3"))
    org.when(RevokeAccess(key=CRM, scope="all", source=source, source_ref=source_ref))
    org.then_refused(ContradictoryScope, "contradictory_scope", key=CRM)


def test_a_revoke_of_what_comes_with_its_module_says_that_it_stays(org: Scenario) -> None:
    org.given(fact(ModuleGranted, key=CRM))
    org.when(RevokeAccess(key=LEADS)).then_nothing()
    org.then_warned("'crm.leads' stays on with 'crm'")


def test_a_later_revoke_says_that_an_earlier_one_stands(org: Scenario) -> None:
    org.given(fact(ModuleGranted, key=CRM))
    org.when(RevokeAccess(key=CRM, at=soon))
    org.when(RevokeAccess(key=CRM, at=later)).then_nothing()
    org.then_warned("'crm' ends at")
    org.then_at(soon, crm="disabled")
