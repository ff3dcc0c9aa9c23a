"""Why a key is disabled: each of the reasons, and which of several tells."""

import pytest

from domain.commands import ConvertTrial, GrantAccess, RevokeAccess
from domain.facts import AccessBlocked, GrantEnded, ModuleGranted, TrialStarted
from tests.domain.scenario import Described, Scenario, fact
from tests.domain.world import (
    ARCHIVE,
    CRM,
    EMAIL,
    FAX,
    FORECASTS,
    LEADS,
    TEMPLATES,
    day,
    hour,
    noon,
    us,
)

soon = noon + 3 * day
later = noon + 5 * day


@pytest.mark.parametrize(
    ("before", "reason"),
    [
        ([], "not_granted"),
        ([fact(TrialStarted, key=CRM, ends_at=noon)], "trial_expired"),
        ([fact(ModuleGranted, key=CRM, ends=noon)], "grant_expired"),
        ([fact(ModuleGranted, key=CRM, starts=noon + us)], "not_yet_active"),
        ([fact(TrialStarted, key=CRM, starts=noon + us, ends_at=soon)], "not_yet_active"),
        ([fact(ModuleGranted, key=CRM), fact(AccessBlocked, key=CRM)], "blocked"),
        ([fact(ModuleGranted, key=CRM), fact(AccessBlocked)], "blocked"),
        ([fact(AccessBlocked, key=CRM)], "blocked"),
        ([fact(TrialStarted, key=CRM, ends_at=noon + us)], None),
        ([fact(ModuleGranted, key=CRM)], None),
    ],
)
def test_a_module_is_denied_by(org: Scenario, before: list[Described], reason: str | None) -> None:
    org.given(*before).then_denied(CRM, reason)


def test_a_revoked_module_is_denied_by_the_revoke(org: Scenario) -> None:
    org.given(fact(ModuleGranted, key=CRM, ends=later))
    org.when(RevokeAccess(key=CRM, at=soon))
    org.then_denied(CRM, None, at=soon - us)
    org.then_denied(CRM, "revoked", at=soon)
    org.then_denied(CRM, "revoked", at=later)


def test_the_grant_that_ended_last_tells_why(org: Scenario) -> None:
    org.given(
        fact(ModuleGranted, key=CRM, grant_id="g1"),
        fact(TrialStarted, key=CRM, ends_at=soon),
        fact(ModuleGranted, key=CRM, source="plan:gold@3", ends=later),
        fact(GrantEnded, key=CRM, grant_id="g1", effective_at=noon),
    )
    org.then_denied(CRM, "grant_expired", at=later)


def test_of_a_revoke_and_a_later_expiry_the_expiry_tells(org: Scenario) -> None:
    org.given(
        fact(ModuleGranted, key=CRM, grant_id="g1"),
        fact(TrialStarted, key=CRM, ends_at=soon),
        fact(GrantEnded, key=CRM, grant_id="g1", effective_at=noon),
    )
    org.then_denied(CRM, "trial_expired", at=soon)


def test_a_past_grant_tells_more_than_one_to_come(org: Scenario) -> None:
    org.given(
        fact(TrialStarted, key=CRM, ends_at=noon),
        fact(ModuleGranted, key=CRM, starts=soon),
    )
    org.then_denied(CRM, "trial_expired")


def test_a_grant_that_never_started_is_no_reason(org: Scenario) -> None:
    org.given(fact(ModuleGranted, key=CRM, starts=soon))
    org.when(RevokeAccess(key=CRM))
    org.then_denied(CRM, "not_granted")
    org.then_denied(CRM, "not_granted", at=later)


def test_a_grant_that_was_scheduled_and_cancelled_leaves_the_reason_as_it_was(
    org: Scenario,
) -> None:
    org.given(fact(TrialStarted, key=CRM, ends_at=later), fact(ModuleGranted, key=CRM))
    org.when(RevokeAccess(key=CRM, scope="all"))
    org.when(GrantAccess(key=CRM, starts=later), at=noon + hour)
    org.then_denied(CRM, "revoked", at=noon + hour)
    org.when(RevokeAccess(key=CRM), at=noon + 2 * hour)
    org.then_denied(CRM, "revoked", at=noon + 2 * hour)


def test_of_the_grants_that_ended_in_a_slot_only_the_last_is_kept(org: Scenario) -> None:
    for number in range(1, 6):
        org.when(GrantAccess(key=CRM), at=noon + number * hour)
        org.when(RevokeAccess(key=CRM), at=noon + number * hour + us)
    assert [grant.starts for grant in org.org.grants.values()] == [noon + 4 * hour, noon + 5 * hour]


def test_a_revoked_conversion_is_denied_by_the_revoke(org: Scenario) -> None:
    org.given(fact(TrialStarted, key=CRM, ends_at=soon))
    org.when(ConvertTrial(key=CRM))
    org.when(RevokeAccess(key=CRM), at=noon + hour)
    org.then_denied(CRM, "revoked", at=later)


def test_a_superseding_grant_tells_when_it_has_ended(org: Scenario) -> None:
    org.given(fact(ModuleGranted, key=CRM))
    org.when(GrantAccess(key=CRM, starts=soon, until=later, on_conflict="supersede"))
    org.then_denied(CRM, None, at=later - us)
    org.then_denied(CRM, "grant_expired", at=later)


@pytest.mark.parametrize(
    ("before", "reason"),
    [
        ([], "parent_disabled"),
        ([fact(AccessBlocked, key=LEADS)], "blocked"),
        ([fact(AccessBlocked, key=CRM)], "blocked"),
        ([fact(ModuleGranted, key=CRM, starts=soon)], "parent_disabled"),
        ([fact(ModuleGranted, key=CRM), fact(AccessBlocked, key=LEADS)], "blocked"),
        ([fact(ModuleGranted, key=CRM)], None),
    ],
)
def test_a_submodule_is_denied_by(
    org: Scenario, before: list[Described], reason: str | None
) -> None:
    org.given(*before).then_denied(LEADS, reason)


@pytest.mark.parametrize(
    ("own", "reason"),
    [
        ([], "not_granted"),
        ([fact(TrialStarted, key=FORECASTS, ends_at=noon)], "trial_expired"),
        ([fact(ModuleGranted, key=FORECASTS, ends=noon)], "grant_expired"),
        ([fact(ModuleGranted, key=FORECASTS, starts=soon)], "not_yet_active"),
        ([fact(ModuleGranted, key=FORECASTS)], None),
    ],
)
def test_a_submodule_that_is_off_by_default_is_denied_by_its_own_grants(
    org: Scenario, own: list[Described], reason: str | None
) -> None:
    org.given(fact(ModuleGranted, key=CRM), *own).then_denied(FORECASTS, reason)


def test_a_disabled_parent_tells_more_than_the_childs_own_grants(org: Scenario) -> None:
    """Case 14."""
    org.given(fact(ModuleGranted, key=FORECASTS)).then_denied(FORECASTS, "parent_disabled")


def test_what_is_never_gated_is_never_denied(org: Scenario) -> None:
    org.given(fact(AccessBlocked))
    org.then_denied(EMAIL, None).then_denied(TEMPLATES, None)


@pytest.mark.parametrize(
    "before",
    [
        [],
        [fact(ModuleGranted, key=FAX)],
        [fact(TrialStarted, key=FAX, ends_at=noon), fact(ModuleGranted, key=FAX)],
        [fact(ModuleGranted, key=FAX, starts=soon)],
    ],
    ids=["never granted", "granted", "tried and granted", "to come"],
)
def test_a_retired_module_is_not_granted_whatever_was_granted(
    org: Scenario, before: list[Described]
) -> None:
    org.given(*before).then_denied(FAX, "not_granted")


def test_a_retired_submodule_is_not_granted(org: Scenario) -> None:
    org.given(fact(ModuleGranted, key=CRM), fact(ModuleGranted, key=ARCHIVE))
    org.then_denied(ARCHIVE, "not_granted")
