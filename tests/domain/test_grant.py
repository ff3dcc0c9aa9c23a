"""Grants: what one source gives, from when until when, and what may not be asked."""

from datetime import datetime, timedelta, timezone

import pytest

from domain.commands import GrantAccess, RevokeAccess
from domain.facts import GrantEnded, ModuleGranted, TrialStarted
from domain.refusals import (
    Backdated,
    EmptyInterval,
    GrantConflict,
    InvalidSource,
    InvalidText,
    NaiveTimestamp,
    NotInFuture,
)
from tests.domain.scenario import Scenario, fact
from tests.domain.world import CRM, FORECASTS, LEADS, day, hour, morning, noon, us

later = noon + 5 * day
naive = datetime(2026, 3, 9, 12)  # noqa: DTZ001 - what must be refused


def test_a_grant_gives_access_from_now_on(org: Scenario) -> None:
    org.when(GrantAccess(key=CRM))
    org.then(fact(ModuleGranted, key=CRM, source="admin", source_ref=None, starts=noon, ends=None))
    org.then_at(noon - us, crm="disabled")
    org.then_at(noon, crm="enabled")


def test_a_bounded_grant_ends_at_its_end(org: Scenario) -> None:
    org.when(GrantAccess(key=CRM, until=later))
    org.then_at(later - us, crm="enabled")
    org.then_at(later, crm="disabled")


def test_a_grant_from_the_future_waits_for_its_start(org: Scenario) -> None:
    org.when(GrantAccess(key=CRM, starts=later))
    org.then(fact(ModuleGranted, timestamp=noon, starts=later, effective_at=later))
    org.then_at(later - us, crm="disabled")
    org.then_at(later, crm="enabled")


def test_a_submodule_may_be_granted(org: Scenario) -> None:
    org.given(fact(ModuleGranted, key=CRM))
    org.when(GrantAccess(key=FORECASTS, source="promo:spring"))
    org.then(fact(ModuleGranted, key=FORECASTS, source="promo:spring"))
    org.then_at(noon - us, {"crm.forecasts": "disabled"})
    org.then_at(noon, {"crm.forecasts": "enabled"})


def test_the_same_live_grant_again_changes_nothing(org: Scenario) -> None:
    org.given(fact(ModuleGranted, key=CRM, ends=later))
    org.when(GrantAccess(key=CRM, until=later)).then_nothing()
    org.then_granted_by("admin")


def test_the_same_scheduled_grant_again_changes_nothing(org: Scenario) -> None:
    org.when(GrantAccess(key=CRM, starts=later))
    org.when(GrantAccess(key=CRM, starts=later), at=noon + hour).then_nothing()


def test_a_grant_from_now_is_not_the_scheduled_one(org: Scenario) -> None:
    org.given(fact(ModuleGranted, key=CRM, starts=later))
    org.when(GrantAccess(key=CRM)).then_refused(GrantConflict, "grant_conflict")


@pytest.mark.parametrize(
    "other", [GrantAccess(key=CRM), GrantAccess(key=CRM, until=later + us)], ids=["open", "longer"]
)
def test_the_same_slot_with_other_terms_conflicts(org: Scenario, other: GrantAccess) -> None:
    org.given(fact(ModuleGranted, key=CRM, grant_id="g1", starts=morning, ends=later))
    org.when(other)
    org.then_refused(
        GrantConflict,
        "grant_conflict",
        key=CRM,
        source="admin",
        grant_id="g1",
        starts="2026-03-02T08:00:00.000000Z",
        until="2026-03-07T12:00:00.000000Z",
    )


@pytest.mark.parametrize(
    "elsewhere",
    [
        GrantAccess(key=CRM, until=later, source="plan:gold@3"),
        GrantAccess(key=CRM, until=later, source_ref="contract-7"),
        GrantAccess(key=LEADS, until=later),
    ],
    ids=["source", "reference", "key"],
)
def test_another_slot_never_conflicts(org: Scenario, elsewhere: GrantAccess) -> None:
    org.given(fact(ModuleGranted, key=CRM))
    org.when(elsewhere).then(fact(ModuleGranted, ends=later))


def test_a_slot_is_free_again_once_its_grant_has_ended(org: Scenario) -> None:
    org.given(fact(ModuleGranted, key=CRM, ends=noon))
    org.when(GrantAccess(key=CRM, until=later)).then(fact(ModuleGranted, starts=noon, ends=later))


def test_full_access_wins_over_a_trial_and_falls_back_to_it(org: Scenario) -> None:
    """Case 6."""
    org.given(fact(TrialStarted, key=CRM, ends_at=later))
    org.when(GrantAccess(key=CRM))
    org.then_at(noon - us, crm="trial")
    org.then_at(noon, crm="enabled")
    org.when(RevokeAccess(key=CRM), at=noon + day)
    org.then_at(noon + day - us, crm="enabled")
    org.then_at(noon + day, crm="trial")
    org.then_at(later, crm="disabled")


def test_a_grant_that_starts_where_the_plan_ends_leaves_no_gap(org: Scenario) -> None:
    """Case 8."""
    org.given(fact(ModuleGranted, key=CRM, source="plan:gold@3", ends=later))
    org.when(GrantAccess(key=CRM, starts=later))
    for instant in (later - us, later, later + us):
        org.then_at(instant, crm="enabled")


def test_where_two_sources_grant_the_end_of_one_changes_no_key(org: Scenario) -> None:
    """Case 9."""
    org.given(fact(ModuleGranted, key=CRM), fact(ModuleGranted, key=CRM, source="plan:gold@3"))
    version = org.org.version
    org.when(RevokeAccess(key=CRM, source="plan:gold@3"))
    org.then_at(noon, crm="enabled")
    assert org.outcome.changed_keys == ()
    assert org.org.version == version + 1


def test_a_grant_after_a_revoke_is_another_grant(org: Scenario) -> None:
    """Case 10."""
    org.given(fact(ModuleGranted, key=CRM, grant_id="g1"))
    org.when(RevokeAccess(key=CRM)).then(fact(GrantEnded, grant_id="g1"))
    org.when(GrantAccess(key=CRM), at=noon + us)
    (granted,) = org.outcome.facts
    assert isinstance(granted, ModuleGranted)
    assert granted.grant_id != "g1"


@pytest.mark.parametrize(
    "source",
    ["admin", "legacy", "system", "plan:gold@2026-1", "bundle:growth", "promo:Spring-26"],
)
def test_a_source_is_of_a_listed_form(org: Scenario, source: str) -> None:
    org.when(GrantAccess(key=CRM, source=source)).then(fact(ModuleGranted, source=source))


@pytest.mark.parametrize(
    "source",
    ["trial", "", "Admin", "plan:gold", "plan:@1", "bundle:", "promo:", "sales", "admin\n"],
)
def test_no_other_source_can_grant(org: Scenario, source: str) -> None:
    org.when(GrantAccess(key=CRM, source=source))
    org.then_refused(InvalidSource, "invalid_source", source=source)


@pytest.mark.parametrize("reference", ["", "  ", "x" * 201, "contract\x07"])
def test_a_reference_must_be_text_that_can_be_kept(org: Scenario, reference: str) -> None:
    org.when(GrantAccess(key=CRM, source_ref=reference))
    org.then_refused(InvalidText, "invalid_text", field="source_ref")


def test_a_grant_cannot_reach_back(org: Scenario) -> None:
    org.when(GrantAccess(key=CRM, starts=noon - us))
    org.then_refused(Backdated, "backdated", field="from", value="2026-03-02T11:59:59.999999Z")


def test_a_grant_may_start_at_this_very_instant(org: Scenario) -> None:
    org.when(GrantAccess(key=CRM, starts=noon)).then(fact(ModuleGranted, starts=noon))


def test_an_import_may_reach_back(org: Scenario) -> None:
    org.when(GrantAccess(key=CRM, starts=noon - day, until=noon - hour), may_backdate=True)
    org.then(
        fact(
            ModuleGranted,
            timestamp=noon,
            starts=noon - day,
            ends=noon - hour,
            effective_at=noon - day,
        )
    )
    org.then_denied(CRM, "grant_expired")


@pytest.mark.parametrize("until", [noon, noon - us])
def test_a_grant_ends_in_the_future(org: Scenario, until: datetime) -> None:
    org.when(GrantAccess(key=CRM, until=until))
    org.then_refused(NotInFuture, "not_in_future", field="until")


@pytest.mark.parametrize("until", [later, later - us])
def test_a_grant_lasts_for_at_least_an_instant(org: Scenario, until: datetime) -> None:
    org.when(GrantAccess(key=CRM, starts=later, until=until))
    org.then_refused(EmptyInterval, "empty_interval", starts="2026-03-07T12:00:00.000000Z")


def test_a_grant_of_a_single_microsecond_is_a_grant(org: Scenario) -> None:
    org.when(GrantAccess(key=CRM, starts=later, until=later + us))
    org.then_at(later - us, crm="disabled")
    org.then_at(later, crm="enabled")
    org.then_at(later + us, crm="disabled")


@pytest.mark.parametrize(
    ("command", "field"),
    [(GrantAccess(key=CRM, starts=naive), "from"), (GrantAccess(key=CRM, until=naive), "until")],
    ids=["from", "until"],
)
def test_an_instant_without_a_time_zone_is_refused(
    org: Scenario, command: GrantAccess, field: str
) -> None:
    org.when(command).then_refused(NaiveTimestamp, "naive_timestamp", field=field)


def test_instants_are_kept_in_utc(org: Scenario) -> None:
    abroad = timezone(timedelta(hours=5, minutes=30))
    org.when(GrantAccess(key=CRM, starts=later.astimezone(abroad)))
    (granted,) = org.outcome.facts
    assert isinstance(granted, ModuleGranted)
    assert (granted.starts, granted.starts.utcoffset()) == (later, timedelta(0))
