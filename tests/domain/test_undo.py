"""Undoing a batch: what it gave is ended, what it took is given again, what moved since stays."""

from dataclasses import replace
from datetime import datetime
from typing import Any

from domain.commands import (
    BlockAccess,
    CancelScheduled,
    Command,
    ConvertTrial,
    ExtendTrial,
    GrantAccess,
    RegisterOrg,
    ResumeOrg,
    RevokeAccess,
    SetStatus,
    StartTrial,
    SuspendOrg,
    UnblockAccess,
)
from domain.commands.undo import UndoBatch
from domain.facts import (
    AccessBlocked,
    AccessUnblocked,
    GrantEnded,
    ModuleGranted,
    OrgRegistered,
    TrialExtended,
    TrialStarted,
)
from domain.ids import Stream
from domain.schedule import changes
from domain.touched import traces
from tests.domain.scenario import Scenario, fact
from tests.domain.world import CRM, HR, LEADS, SUPER_ADMIN, day, hour, noon

BATCH = "batch-of-this-test"
BY_BATCH = replace(SUPER_ADMIN, batch_id=BATCH)


def batch(org: Scenario, *commands: Command, at: datetime = noon) -> Scenario:
    """Commands of the batch."""
    return org.when(*commands, at=at, by=BY_BATCH)


def undo(org: Scenario, *, at: datetime = noon + hour) -> list[dict[str, Any]]:
    """Undo the batch; what became of each thing it touched."""
    undoing = UndoBatch(traces(Stream(org.org.id), org.facts, batch_id=BATCH))
    org.when(undoing, at=at)
    return undoing.came_to


def done(came_to: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    """What was done to each thing, or why nothing was."""
    return [(item["what"], item["undone"], item["skipped"]) for item in came_to]


def coming(org: Scenario) -> str:
    """The id of the one change that is scheduled."""
    [change] = [change for change in changes(org.org.entries()) if change.at > noon]
    return change.id


def test_what_was_granted_is_ended(org: Scenario) -> None:
    batch(org, GrantAccess(key=CRM), StartTrial(key=HR, until=noon + 9 * day))
    assert done(undo(org)) == [("grant", "ended", None), ("trial", "ended", None)]
    org.then(fact(GrantEnded, key=CRM, ended_by="revoked"), fact(GrantEnded, key=HR))
    org.then_at(noon + hour, crm="disabled", hr="disabled")


def test_what_is_still_to_come_never_comes(org: Scenario) -> None:
    batch(org, GrantAccess(key=CRM, starts=noon + 3 * day))
    assert done(undo(org)) == [("grant", "ended", None)]
    org.then_at(noon + 4 * day, crm="disabled")


def test_what_was_revoked_is_granted_anew_until_its_old_end(org: Scenario) -> None:
    source, ref = "plan:gold@3", "contract-7"
    org.given(fact(ModuleGranted, key=CRM, source=source, source_ref=ref, ends=noon + 9 * day))
    batch(org, RevokeAccess(key=CRM, scope="all"))
    (item,) = undo(org)
    assert (item["undone"], item["from"], item["until"]) == (
        "reopened",
        None,
        "2026-03-11T12:00:00.000000Z",
    )
    again = fact(ModuleGranted, key=CRM, source=source, source_ref=ref, starts=noon + hour)
    org.then(again)
    org.then_at(noon + 9 * day - hour, crm="enabled").then_at(noon + 9 * day, crm="disabled")


def test_what_would_have_ended_by_now_stays_ended(org: Scenario) -> None:
    org.given(fact(ModuleGranted, key=CRM, ends=noon + day))
    batch(org, RevokeAccess(key=CRM))
    assert done(undo(org, at=noon + 2 * day)) == [("grant", None, "over")]
    org.then_nothing()


def test_an_end_that_is_still_to_come_is_bridged_without_a_gap(org: Scenario) -> None:
    org.given(fact(ModuleGranted, key=CRM))
    batch(org, RevokeAccess(key=CRM, at=noon + 3 * day))
    undo(org)
    org.then(fact(ModuleGranted, key=CRM, starts=noon + 3 * day, ends=None))


def test_a_superseded_grant_comes_back_when_the_new_one_has_gone(org: Scenario) -> None:
    org.given(fact(ModuleGranted, key=CRM, ends=noon + 9 * day))
    batch(org, GrantAccess(key=CRM, until=noon + day, on_conflict="supersede"))
    assert {item["undone"] for item in undo(org)} == {"ended", "reopened"}
    org.then(fact(GrantEnded), fact(ModuleGranted, ends=noon + 9 * day))


def test_an_extended_trial_gets_its_old_end_back(org: Scenario) -> None:
    org.given(fact(TrialStarted, key=CRM, ends_at=noon + 9 * day))
    batch(org, ExtendTrial(key=CRM, by_days=5))
    assert done(undo(org)) == [("trial", "end_moved", None)]
    org.then(fact(TrialExtended, ends_at=noon + 9 * day, previous_ends_at=noon + 14 * day))
    org.then_denied(CRM, "trial_expired", at=noon + 9 * day)


def test_an_extended_trial_whose_old_end_is_past_ends_now(org: Scenario) -> None:
    org.given(fact(TrialStarted, key=CRM, ends_at=noon + day))
    batch(org, ExtendTrial(key=CRM, by_days=5))
    assert done(undo(org, at=noon + 2 * day)) == [("trial", "ended", None)]
    org.then_at(noon + 2 * day, crm="disabled")


def test_a_trial_that_is_to_end_early_runs_on_as_the_same_trial(org: Scenario) -> None:
    org.given(fact(TrialStarted, key=CRM, ends_at=noon + 9 * day))
    batch(org, RevokeAccess(key=CRM, source="trial", at=noon + day))
    assert done(undo(org)) == [("trial", "end_moved", None)]
    org.then(fact(TrialExtended, ends_at=noon + 9 * day))


def test_a_converted_trial_is_a_trial_again(org: Scenario) -> None:
    org.given(fact(TrialStarted, key=CRM, ends_at=noon + 9 * day))
    batch(org, ConvertTrial(key=CRM))
    assert done(undo(org)) == [("grant", "ended", None), ("trial", "reopened", None)]
    org.then(fact(GrantEnded, key=CRM), fact(TrialStarted, key=CRM, ends_at=noon + 9 * day))
    org.then_at(noon + hour, crm="trial")


def test_two_trials_that_overlapped_before_do_so_again(org: Scenario) -> None:
    """Neither stands in the other's place: both were there before the batch."""
    org.given(
        fact(TrialStarted, key=CRM, ends_at=noon + 9 * day),
        fact(TrialStarted, key=CRM, starts=noon + 8 * day, ends_at=noon + 20 * day),
    )
    batch(org, RevokeAccess(key=CRM, scope="all"))
    assert done(undo(org)) == [("trial", "reopened", None)] * 2
    org.then_at(noon + 19 * day, crm="trial")


def test_what_stood_there_before_the_batch_is_no_hindrance(org: Scenario) -> None:
    """Of two trials that overlap the batch ended the second."""
    org.given(
        fact(TrialStarted, key=CRM, ends_at=noon + 9 * day),
        fact(TrialStarted, key=CRM, starts=noon + 8 * day, ends_at=noon + 20 * day),
    )
    batch(org, SetStatus(key=CRM, status="trial", trial_ends=noon + 9 * day))
    assert done(undo(org)) == [("trial", "reopened", None)]
    org.then_at(noon + 19 * day, crm="trial")


def test_a_block_is_lifted_and_a_lifted_one_raised_on_its_old_terms(org: Scenario) -> None:
    org.given(fact(AccessBlocked, scope="module", key=HR, category="abuse", ends=noon + 9 * day))
    lift = UnblockAccess(scope="module", key=HR, category="abuse")
    batch(org, SuspendOrg(), lift)
    assert done(undo(org)) == [("block", "lifted", None), ("block", "raised", None)]
    org.then(
        fact(AccessUnblocked, scope="org", category="suspension"),
        fact(AccessBlocked, scope="module", key=HR, category="abuse", ends=noon + 9 * day),
    )


def test_an_import_leaves_the_org_known() -> None:
    fresh = Scenario(registered=False)
    batch(fresh, RegisterOrg(name="Acme"), GrantAccess(key=CRM, source="legacy"))
    assert done(undo(fresh)) == [
        ("grant", "ended", None),
        ("OrgRegistered", None, "registration_stays"),
    ]
    assert fresh.org.name == "Acme"
    assert isinstance(fresh.facts[0], OrgRegistered)


def test_what_somebody_ended_since_is_left_alone(org: Scenario) -> None:
    batch(org, GrantAccess(key=CRM), SuspendOrg())
    org.when(RevokeAccess(key=CRM), ResumeOrg(), at=noon + hour)
    assert done(undo(org, at=noon + 2 * hour)) == [
        ("grant", None, "moved_since"),
        ("block", None, "moved_since"),
    ]
    org.then_nothing()


def test_a_trial_that_somebody_extended_since_is_left_alone(org: Scenario) -> None:
    org.given(fact(TrialStarted, key=CRM, ends_at=noon + 9 * day))
    batch(org, ExtendTrial(key=CRM, by_days=5))
    org.when(ExtendTrial(key=CRM, by_days=5), at=noon + hour)
    assert done(undo(org, at=noon + 2 * hour)) == [("trial", None, "moved_since")]
    org.then_nothing()


def test_what_somebody_granted_in_its_place_is_left_alone(org: Scenario) -> None:
    org.given(fact(ModuleGranted, key=CRM), fact(ModuleGranted, key=CRM, source="legacy"))
    batch(org, RevokeAccess(key=CRM, scope="all"))
    org.when(GrantAccess(key=CRM, until=noon + day), at=noon + hour)
    assert done(undo(org, at=noon + 2 * hour)) == [
        ("grant", None, "slot_taken"),
        ("grant", "reopened", None),
    ]
    org.then(fact(ModuleGranted, source="legacy"))


def test_what_is_to_come_in_its_place_only_after_its_end_is_no_hindrance(org: Scenario) -> None:
    org.given(fact(ModuleGranted, key=CRM, ends=noon + 9 * day))
    batch(org, RevokeAccess(key=CRM))
    org.when(GrantAccess(key=CRM, starts=noon + 9 * day), at=noon + hour)
    assert done(undo(org, at=noon + 2 * hour)) == [("grant", "reopened", None)]


def test_a_block_that_somebody_raised_in_its_place_is_left_alone(org: Scenario) -> None:
    org.given(fact(AccessBlocked, scope="submodule", key=LEADS, category="abuse"))
    batch(org, UnblockAccess(scope="submodule", key=LEADS, category="abuse"))
    later = BlockAccess(scope="submodule", key=LEADS, category="abuse", starts=noon + day)
    org.when(later, at=noon + hour)
    assert done(undo(org, at=noon + 2 * hour)) == [("block", None, "slot_taken")]
    org.then_nothing()


def test_what_the_org_has_forgotten_was_over(org: Scenario) -> None:
    """A grant of the batch ended by itself, and another one came after it."""
    batch(org, GrantAccess(key=CRM, until=noon + day))
    org.when(GrantAccess(key=CRM, until=noon + 3 * day), at=noon + 2 * day)
    org.when(GrantAccess(key=CRM, until=noon + 5 * day), at=noon + 4 * day)
    assert len(org.org.grants) < 3
    assert done(undo(org, at=noon + 4 * day + hour)) == [("grant", None, "over")]
    org.then_nothing()


def test_other_batches_are_none_of_its_business(org: Scenario) -> None:
    org.when(GrantAccess(key=HR), by=replace(SUPER_ADMIN, batch_id="another-batch"))
    batch(org, GrantAccess(key=CRM), at=noon + hour)
    undo(org, at=noon + 2 * hour)
    org.then(fact(GrantEnded, key=CRM))
    org.then_at(noon + 2 * hour, hr="enabled")


def test_a_block_whose_end_was_cancelled_stands_up_to_that_end_again(org: Scenario) -> None:
    """It was there before the batch: undone is only that it would never end."""
    org.when(GrantAccess(key=CRM))
    org.when(BlockAccess(scope="module", key=CRM, category="compliance", until=noon + 3 * day))
    batch(org, CancelScheduled(change_id=coming(org)))

    assert done(undo(org)) == [("block", "end_moved", None)]

    org.then_at(noon + 2 * day, crm="disabled")
    org.then_at(noon + 3 * day, crm="enabled")


def test_a_grant_whose_scheduled_end_was_cancelled_ends_then_again(org: Scenario) -> None:
    """As the revocation that it was, and not as a trial whose end was moved."""
    org.when(GrantAccess(key=CRM))
    org.when(RevokeAccess(key=CRM, scope="all", at=noon + 3 * day))
    batch(org, CancelScheduled(change_id=coming(org)))

    assert done(undo(org)) == [("grant", "end_moved", None)]

    org.then(fact(GrantEnded, key=CRM, ended_by="revoked", effective_at=noon + 3 * day))
    org.then_at(noon + 2 * day, crm="enabled")
    org.then_denied(CRM, "revoked", at=noon + 3 * day)
