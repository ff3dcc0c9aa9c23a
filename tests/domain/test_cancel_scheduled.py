"""Taking back what was scheduled: before its instant it never comes, after it nothing helps."""

from datetime import datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.catalog import Key
from domain.commands import (
    BlockAccess,
    CancelScheduled,
    ConvertTrial,
    ExtendTrial,
    GrantAccess,
    RevokeAccess,
    StartTrial,
)
from domain.commands.schedules import AlreadyEffective, NotCancellable, UnknownChange
from domain.effective import effective
from domain.facts import ScheduleCancelled, TrialStarted
from domain.lanes import Grant
from domain.schedule import Change, changes
from tests.domain.scenario import Scenario, fact
from tests.domain.world import CRM, ORG_ADMIN, day, hour, noon, us

soon = noon + 3 * day
later = noon + 5 * day


def coming(org: Scenario, *, at: datetime = noon) -> list[Change]:
    """What is scheduled, in order."""
    return sorted((c for c in changes(org.org.entries()) if c.at > at), key=lambda c: c.at)


def cancel(org: Scenario, *, number: int = 0, at: datetime = noon) -> Scenario:
    """Cancel one of the changes that are still to come."""
    return org.when(CancelScheduled(change_id=coming(org, at=at)[number].id), at=at)


def kinds(org: Scenario) -> list[tuple[str, datetime]]:
    return [(change.kind, change.at) for change in coming(org)]


def test_a_start_that_was_cancelled_never_comes(org: Scenario) -> None:
    org.when(GrantAccess(key=CRM, starts=soon))
    cancel(org, at=soon - us)
    org.then(fact(ScheduleCancelled, key=CRM, edge="starts", cancelled=soon, ends=soon))
    org.then_at(soon, crm="disabled").then_denied(CRM, "not_granted", at=soon)
    assert coming(org) == []


def test_the_end_of_a_grant_that_was_cancelled_leaves_it_open(org: Scenario) -> None:
    org.when(GrantAccess(key=CRM, until=soon))
    cancel(org)
    org.then(fact(ScheduleCancelled, edge="ends", cancelled=soon, ends=None))
    org.then_at(soon, crm="enabled")


def test_a_revoke_that_was_cancelled_leaves_the_end_there_was(org: Scenario) -> None:
    org.when(GrantAccess(key=CRM, until=later)).when(RevokeAccess(key=CRM, at=soon))
    cancel(org)
    org.then_at(soon, crm="enabled").then_denied(CRM, "grant_expired", at=later)
    assert kinds(org) == [("grant_ends", later)]


def test_the_revoke_of_a_trial_that_was_cancelled_leaves_its_own_end(org: Scenario) -> None:
    org.when(StartTrial(key=CRM, until=later)).when(RevokeAccess(key=CRM, scope="all", at=soon))
    cancel(org)
    org.then_at(soon, crm="trial").then_denied(CRM, "trial_expired", at=later)
    assert org.org.used_trials[CRM].ends == later


def test_an_earlier_revoke_that_was_cancelled_leaves_the_later_one(org: Scenario) -> None:
    """What was scheduled before holds again: cancelling never gives more than there was."""
    org.when(GrantAccess(key=CRM)).when(RevokeAccess(key=CRM, at=later))
    org.when(RevokeAccess(key=CRM, at=soon))
    cancel(org)
    assert kinds(org) == [("grant_ends", later)]
    cancel(org)
    assert kinds(org) == []
    org.then_at(later, crm="enabled")


def test_a_scheduled_revoke_that_is_extended_over_is_one_change_the_last(org: Scenario) -> None:
    """Case 12: and what the extension replaced can no longer be cancelled."""
    org.when(StartTrial(key=CRM, until=soon)).when(
        RevokeAccess(key=CRM, scope="all", at=noon + day)
    )
    (replaced,) = coming(org)
    org.when(ExtendTrial(key=CRM, until=later))
    assert kinds(org) == [("trial_ends", later)]
    org.when(CancelScheduled(change_id=replaced.id))
    org.then_refused(UnknownChange, "unknown_change", change_id=replaced.id)


def test_a_scheduled_revoke_that_is_granted_over_is_one_change_the_last(org: Scenario) -> None:
    """Case 12."""
    org.when(GrantAccess(key=CRM)).when(RevokeAccess(key=CRM, at=soon))
    org.when(GrantAccess(key=CRM, until=later, on_conflict="supersede"), at=noon + hour)
    assert [change.at for change in coming(org, at=noon + hour)] == [later]


@pytest.mark.parametrize("at", [soon, soon + day])
def test_what_has_taken_effect_is_not_cancelled(org: Scenario, at: datetime) -> None:
    """Case 13: neither a start nor an end, from the very instant on."""
    for command in (
        GrantAccess(key=CRM, starts=soon),
        BlockAccess(scope="org", category="abuse", starts=soon),
    ):
        org.when(command)
        change = CancelScheduled(change_id=coming(org)[-1].id)
        org.when(change, at=at).then_refused(AlreadyEffective, "already_effective")
    org.when(RevokeAccess(key=CRM, at=soon + hour))
    change = CancelScheduled(change_id=coming(org, at=soon)[-1].id)
    org.when(change, at=soon + hour).then_refused(AlreadyEffective, "already_effective")


@pytest.mark.parametrize(
    "command",
    [
        GrantAccess(key=CRM, starts=soon),
        GrantAccess(key=CRM, until=soon),
        BlockAccess(scope="org", category="abuse", starts=soon),
        BlockAccess(scope="org", category="abuse", until=soon),
    ],
)
@pytest.mark.parametrize("again_at", [noon, soon + day])
def test_cancelling_again_changes_nothing(
    org: Scenario, command: GrantAccess | BlockAccess, again_at: datetime
) -> None:
    """Before the instant and after it: what was cancelled is no effect that has come."""
    org.when(command)
    again = CancelScheduled(change_id=coming(org)[0].id)
    cancel(org)
    org.when(again, at=again_at).then_nothing()


def test_a_retry_does_not_cancel_the_end_behind_the_one_that_was_cancelled(org: Scenario) -> None:
    """A change is of one instant: its name stands for no other that comes to light."""
    org.when(GrantAccess(key=CRM, until=later)).when(RevokeAccess(key=CRM, at=soon))
    again = CancelScheduled(change_id=coming(org)[0].id)
    cancel(org)
    org.when(again).then_nothing()
    org.then_at(later, crm="disabled")


def test_an_unknown_change_is_told(org: Scenario) -> None:
    org.when(CancelScheduled(change_id="0" * 32))
    org.then_refused(UnknownChange, "unknown_change", change_id="0" * 32)


def test_a_trial_always_has_an_end(org: Scenario) -> None:
    org.when(StartTrial(key=CRM, until=soon))
    cancel(org).then_refused(NotCancellable, "not_cancellable", kind="trial_ends")


def test_a_trial_that_never_begins_was_none(org: Scenario) -> None:
    """It may be started another time, without anybody's override."""
    org.when(StartTrial(key=CRM, starts=soon, until=later))
    cancel(org)
    org.when(StartTrial(key=CRM, until=soon), by=ORG_ADMIN).then(fact(TrialStarted, overrides=None))


def test_an_earlier_trial_is_used_still(org: Scenario) -> None:
    org.when(StartTrial(key=CRM, until=noon + day))
    (used,) = org.org.grants
    org.when(StartTrial(key=CRM, starts=soon, until=later, override_policy=True), at=noon + 2 * day)
    cancel(org, at=noon + 2 * day)
    assert org.org.used_trials[CRM].grant_id == used


def test_who_was_to_give_way_goes_on(org: Scenario) -> None:
    """The start is cancelled, and with it the end that it made."""
    org.when(GrantAccess(key=CRM)).when(
        GrantAccess(key=CRM, starts=soon, until=later, on_conflict="supersede")
    )
    cancel(org, number=1)
    org.then(
        fact(ScheduleCancelled, edge="starts", cancelled=soon),
        fact(ScheduleCancelled, edge="ends", cancelled=soon, ends=None),
    )
    org.then_at(later, crm="enabled")


def test_the_end_that_a_takeover_makes_is_cancelled_with_its_start(org: Scenario) -> None:
    org.when(GrantAccess(key=CRM)).when(
        GrantAccess(key=CRM, starts=soon, until=later, on_conflict="supersede")
    )
    ends, starts = coming(org)[:2]
    assert (ends.edge, starts.edge) == ("ends", "starts")
    with pytest.raises(NotCancellable) as refused:
        cancel(org).outcome  # noqa: B018 - it raises what was refused
    assert starts.id in str(refused.value.hint)


def test_a_grant_that_goes_on_gives_way_to_the_next(org: Scenario) -> None:
    """Its revoke is cancelled, and another of the same source is to start: no overlap."""
    org.when(GrantAccess(key=CRM)).when(RevokeAccess(key=CRM, at=soon))
    org.when(GrantAccess(key=CRM, starts=later, on_conflict="supersede"))
    cancel(org)
    org.then(fact(ScheduleCancelled, ends=later, ended_by="superseded"))
    org.then_at(soon, crm="enabled").then_at(later, crm="enabled")


def test_a_takeover_that_was_cancelled_brings_back_the_revoke_before_it(org: Scenario) -> None:
    org.when(GrantAccess(key=CRM)).when(RevokeAccess(key=CRM, at=later))
    org.when(GrantAccess(key=CRM, starts=soon, on_conflict="supersede"))
    cancel(org, number=1)
    org.then_at(later - us, crm="enabled").then_denied(CRM, "revoked", at=later)


def test_who_was_cut_before_it_began_is_given_back_with_those_that_gave_way(org: Scenario) -> None:
    """Three of one source, each to take over from what was there when it was granted."""
    org.when(GrantAccess(key=CRM))
    org.when(GrantAccess(key=CRM, starts=later, until=later + day, on_conflict="supersede"))
    before = kinds(org)
    org.when(GrantAccess(key=CRM, starts=soon, until=soon + hour, on_conflict="supersede"))
    cancel(org, number=1)
    assert kinds(org) == before
    org.then_at(later - us, crm="enabled").then_denied(CRM, "grant_expired", at=later + day)


def test_a_grant_that_another_took_all_of_comes_back(org: Scenario) -> None:
    org.when(GrantAccess(key=CRM, starts=soon, until=later))
    before = kinds(org)
    org.when(GrantAccess(key=CRM, starts=noon + day, until=later, on_conflict="supersede"))
    cancel(org)
    assert kinds(org) == before
    org.then_at(soon - us, crm="disabled").then_at(soon, crm="enabled")


@pytest.mark.parametrize("until", [None, soon])
def test_a_revoke_that_was_cancelled_gives_back_all_that_it_cut(
    org: Scenario, until: datetime | None
) -> None:
    """The one that stood, and the one that was to follow it in its slot."""
    org.when(GrantAccess(key=CRM, until=until))
    org.when(GrantAccess(key=CRM, starts=soon, until=later, on_conflict="supersede"))
    before = kinds(org)
    org.when(RevokeAccess(key=CRM, at=noon + day))
    cancel(org)
    assert kinds(org) == before
    org.then_at(soon, crm="enabled").then_denied(CRM, "grant_expired", at=later)


def test_what_was_to_give_way_is_remembered_only_so_often(org: Scenario) -> None:
    """A job that schedules anew every hour does not make the org's row longer and longer."""
    for days in range(1, 41):
        until = later + days * day
        org.when(GrantAccess(key=CRM, starts=later, until=until, on_conflict="supersede"))
    assert len(org.org.grants) == 17
    cancel(org)
    org.then_at(later + 39 * day - us, crm="enabled").then_at(later + 39 * day, crm="disabled")


days = st.integers(min_value=1, max_value=9)
Asked = tuple[int, int | None] | int  # a grant's days, or the day of a revoke


@settings(max_examples=300, deadline=None, database=None)
@given(asked=st.lists(st.tuples(days, st.none() | days) | days, min_size=1, max_size=5))
def test_what_is_scheduled_and_cancelled_leaves_the_future_as_it_was(asked: list[Asked]) -> None:
    org = Scenario()
    for each in asked:
        before, facts = future(org), len(org.facts)
        said = scheduled(org, each)
        if said is not None and len(org.facts) > facts:
            org.when(CancelScheduled(change_id=said.id))
            org.outcome  # noqa: B018 - it raises what was refused
            assert future(org) == before
            del org.facts[facts:]
            scheduled(org, each)


def future(org: Scenario) -> list[str]:
    """The states of every half day to come."""
    at = [noon + half * day / 2 for half in range(1, 24)]
    return [effective(org.lanes, org.catalog, CRM, instant).label for instant in at]


def scheduled(org: Scenario, asked: Asked) -> Change | None:
    """The change by which what was asked can be cancelled, None where there is none."""
    known = {change.id for change in coming(org)}
    if isinstance(asked, int):
        org.when(RevokeAccess(key=CRM, at=noon + asked * day))
    else:
        starts, until = noon + asked[0] * day, asked[1]
        ends = None if until is None else starts + until * day
        org.when(GrantAccess(key=CRM, starts=starts, until=ends, on_conflict="supersede"))
    new = [change for change in coming(org) if change.id not in known]
    if isinstance(asked, int):
        return next((change for change in new if ended_by(change) == "revoked"), None)
    return next((change for change in new if change.edge == "starts"), None)


def ended_by(change: Change) -> str | None:
    return change.entry.ended_by if isinstance(change.entry, Grant) else None


def test_a_conversion_is_no_scheduled_change(org: Scenario) -> None:
    org.when(StartTrial(key=CRM, until=soon)).when(
        RevokeAccess(key=CRM, scope="all", at=noon + day)
    )
    org.when(ConvertTrial(key=CRM), at=noon + hour)
    assert coming(org, at=noon + hour) == []


def test_a_change_is_named_alike_by_everybody() -> None:
    """Its name follows from what it changes and when, in each process and each version."""
    org = Scenario().given(fact(TrialStarted, key=Key("hr"), grant_id="t1", ends_at=soon))
    (change,) = coming(org)
    assert change.id == "fb53640510e1570991987d8a6d5c05c4"
