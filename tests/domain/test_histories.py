"""Whatever is asked of an org, in whatever order, its state is what a second opinion says."""

from datetime import datetime

from hypothesis import HealthCheck, settings
from hypothesis.stateful import invariant, run_state_machine_as_test

from domain.catalog import Key
from domain.commands import (
    ApplyBundle,
    BlockAccess,
    Command,
    Context,
    ConvertTrial,
    ExtendTrial,
    GrantAccess,
    RemoveBundle,
    ResumeOrg,
    RevokeAccess,
    SetStatus,
    SetSubmodule,
    SuspendOrg,
    UnblockAccess,
)
from domain.decide import Outcome, decide
from domain.effective import denied_by, effective, effective_map, expires_at
from domain.facts import GrantEnded
from projections.current import copied
from tests.domain.histories import Histories
from tests.domain.oracle import KEYS, Oracle, active, both, lowered
from tests.domain.world import CATALOG, us

MANY = settings(
    max_examples=60,
    stateful_step_count=30,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)


class Judged(Histories):
    """Effective state, and what is derived from it, agree with the oracle at every instant."""

    def instants(self) -> list[datetime]:
        """Now, and both sides of every boundary to come."""
        found = {self.now, *both(self.oracle.boundaries(since=self.now), apart=us)}
        return sorted(instant for instant in found if instant >= self.now)

    @invariant()
    def the_states_agree(self) -> None:
        lanes = self.org.lanes
        for at in self.instants():
            states = effective_map(lanes, CATALOG, at)
            assert {key: state.label for key, state in states.items()} == self.oracle.states(at)
            assert {key: effective(lanes, CATALOG, key, at) for key in states} == states

    @invariant()
    def nothing_changes_between_two_boundaries(self) -> None:
        boundary = self.org.lanes.next_boundary(after=self.now)
        later = [at for at in self.instants() if boundary is None or at < boundary]
        assert all(self.oracle.states(at) == self.oracle.states(self.now) for at in later)

    @invariant()
    def the_expiries_agree(self) -> None:
        lanes = self.org.lanes
        for key in KEYS:
            found = expires_at(lanes, CATALOG, Key(key), self.now)
            assert found == self.oracle.expiry(key, after=self.now), key

    @invariant()
    def the_reasons_agree(self) -> None:
        lanes, states = self.org.lanes, self.oracle.states(self.now)
        for key, state in states.items():
            reason = denied_by(lanes, CATALOG, Key(key), self.now)
            assert (reason is None) == (state != "disabled"), key
            if reason == "blocked":
                assert self.oracle.blocked(key, self.now), key
            if reason == "parent_disabled":
                assert states[key.split(".", maxsplit=1)[0]] == "disabled", key
            if reason == "not_yet_active":
                assert self.oracle.boundaries(since=self.now + us), key


class Decided(Histories):
    """Every decision keeps the promise of its command."""

    def decided(
        self, command: Command, outcome: Outcome, context: Context, *, before: Oracle
    ) -> None:
        edges = {*before.boundaries(since=self.now), *self.oracle.boundaries(since=self.now)}
        instants = {self.now, *both(edges, apart=us)}
        moves = [(before.states(at), self.oracle.states(at)) for at in instants if at >= self.now]
        if only_raises(command):
            assert not any(lowered(was, now) for was, now in moves)
        if only_lowers(command):
            assert not any(lowered(now, was) for was, now in moves)
        self.told_what_changed(outcome, before=before)
        self.prolonged_nothing(outcome, before=before)
        if isinstance(command, SetStatus):
            self.has_status(command)
        if repeatable(command, context):
            assert not decide(copied(self.org), [command], context).changed

    def told_what_changed(self, outcome: Outcome, *, before: Oracle) -> None:
        was, now = before.states(self.now), self.oracle.states(self.now)
        changed = [key for key in KEYS if was[key] != now[key]]
        assert list(outcome.changed_keys) == changed
        assert outcome.before == {key: was[key] for key in outcome.before}
        assert outcome.after == {key: now[key] for key in outcome.after}

    def prolonged_nothing(self, outcome: Outcome, *, before: Oracle) -> None:
        for fact in outcome.facts:
            if isinstance(fact, GrantEnded) and fact.grant_id in before.grants:
                until = before.grants[fact.grant_id]["until"]
                assert until is None or fact.effective_at <= until

    def has_status(self, put: SetStatus) -> None:
        if not CATALOG.in_use(put.key) or CATALOG.module(put.key).exempt:
            return
        if put.status == "enabled":
            assert self.oracle.own(put.key, self.now) == "enabled"
        elif put.status == "trial":
            assert self.oracle.own(put.key, self.now) != "disabled"
        else:
            edges = [self.now, *self.oracle.boundaries(since=self.now)]
            assert {self.oracle.effective(put.key, at) for at in edges} == {"disabled"}

    @invariant()
    def at_most_one_full_grant_of_a_slot_is_active(self) -> None:
        full = [grant for grant in self.oracle.grants.values() if grant["kind"] == "full"]
        for at in {self.now, *self.oracle.boundaries(since=self.now)}:
            slots = [grant["slot"] for grant in full if active(grant, at)]
            assert len(slots) == len(set(slots))


def only_raises(command: Command) -> bool:
    """Grants are a union: adding one never removes access, and lifting a block gives it back."""
    if isinstance(command, GrantAccess):
        return command.on_conflict == "refuse"
    if isinstance(command, SetSubmodule):
        return command.enabled
    return isinstance(command, ApplyBundle | ResumeOrg | UnblockAccess | ExtendTrial | ConvertTrial)


def only_lowers(command: Command) -> bool:
    if isinstance(command, SetSubmodule):
        return not command.enabled
    return isinstance(command, RevokeAccess | BlockAccess | SuspendOrg | RemoveBundle)


def repeatable(command: Command, context: Context) -> bool:
    """Whether the same command again, at the same instant, would find everything done."""
    once = isinstance(command, ExtendTrial | ConvertTrial) or context.may_backdate
    by_id = isinstance(command, UnblockAccess) and command.block_id is not None
    return not once and not by_id


def test_effective_state_is_what_a_second_opinion_makes_of_the_facts() -> None:
    run_state_machine_as_test(Judged, settings=MANY)


def test_every_decision_keeps_the_promise_of_its_command() -> None:
    run_state_machine_as_test(Decided, settings=MANY)
