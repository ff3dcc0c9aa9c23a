"""When something is due on an org, and what is told of it, each thing once."""

from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import invariant, run_state_machine_as_test

from domain.commands import (
    BlockAccess,
    Command,
    Context,
    CrossBoundaries,
    ExtendTrial,
    GrantAccess,
    ResumeOrg,
    RevokeAccess,
    StartTrial,
    SuspendOrg,
)
from domain.decide import Outcome
from domain.facts import BoundaryCrossed, TrialEnding
from domain.instants import from_iso, iso
from domain.lanes import Block, Grant
from domain.org import Org
from domain.refusals import Refusal
from tests.domain.histories import Histories
from tests.domain.oracle import KEYS, Oracle
from tests.domain.scenario import Scenario, fact
from tests.domain.world import CRM, HR, day, hour, noon, us

end = noon + 30 * day
minute = timedelta(minutes=1)


def tick(org: Scenario, at: datetime) -> Scenario:
    return org.when(CrossBoundaries(), at=at)


def notices(org: Scenario, *ats: datetime) -> list[tuple[int, datetime]]:
    """The notices of a ticker that wakes at these instants."""
    found = []
    for at in ats:
        tick(org, at)
        found += [(f.days, f.ends_at) for f in org.outcome.facts if isinstance(f, TrialEnding)]
    return found


def test_a_boundary_is_told_once_with_what_it_changed(org: Scenario) -> None:
    org.when(StartTrial(key=HR, until=noon + hour))
    tick(org, noon + hour - us).then_nothing()
    tick(org, noon + hour).then(
        fact(
            BoundaryCrossed,
            boundary=noon + hour,
            boundaries=[iso(noon + hour)],
            changed={"hr": ["trial", "disabled"], "hr.payroll": ["trial", "disabled"]},
        )
    )
    tick(org, noon + 2 * hour).then_nothing()


def test_boundaries_that_were_missed_are_told_together(org: Scenario) -> None:
    """What was so between them, nobody was told while it was."""
    org.when(GrantAccess(key=HR, starts=noon + hour, until=noon + 2 * hour))
    tick(org, noon + day).then(
        fact(BoundaryCrossed, boundaries=[iso(noon + hour), iso(noon + 2 * hour)], changed={})
    )


def test_what_changes_nothing_is_a_boundary_all_the_same(org: Scenario) -> None:
    org.when(GrantAccess(key=HR, until=noon + hour), GrantAccess(key=HR, source="plan:gold@3"))
    tick(org, noon + hour).then(fact(BoundaryCrossed, changed={}))


def test_what_begins_at_once_is_no_boundary(org: Scenario) -> None:
    """The command that did it is a fact already."""
    org.when(GrantAccess(key=CRM), SuspendOrg())
    assert org.org.wake_at is None
    tick(org, noon + day).then_nothing()


def test_what_was_taken_back_before_its_start_is_no_boundary(org: Scenario) -> None:
    org.when(GrantAccess(key=CRM, starts=noon + day)).when(RevokeAccess(key=CRM), at=noon + hour)
    assert org.org.wake_at is None


def test_a_command_does_not_hide_what_is_due(org: Scenario) -> None:
    """A trial ended while nobody ticked, and then something else was granted."""
    org.when(StartTrial(key=HR, until=noon + hour)).when(GrantAccess(key=CRM), at=noon + day)
    assert org.org.wake_at == noon + hour
    tick(org, noon + 2 * day).then(fact(BoundaryCrossed))
    assert org.org.wake_at is None


def test_an_end_that_was_moved_away_is_not_due(org: Scenario) -> None:
    """Nor is one whose grant was ended, or whose block was lifted, before it came."""
    org.when(StartTrial(key=HR, until=noon + hour))
    org.when(ExtendTrial(key=HR, until=noon + 3 * hour))
    org.when(GrantAccess(key=CRM), at=noon + 2 * hour)
    assert org.org.ticked == noon + 2 * hour
    block = BlockAccess(scope="org", category="suspension", until=noon + 150 * minute)
    org.when(block, at=noon + 2 * hour).when(ResumeOrg(), at=noon + 130 * minute)
    org.when(RevokeAccess(key=CRM), at=noon + 160 * minute)
    assert org.org.ticked == noon + 160 * minute


def test_a_trial_is_announced_three_times(org: Scenario) -> None:
    org.when(StartTrial(key=CRM, until=end))
    every_hour = [noon + hours * hour for hours in range(30 * 24 + 2)]
    assert notices(org, *every_hour) == [(7, end), (3, end), (1, end)]


@pytest.mark.parametrize(("length", "days"), [(6, [3, 1]), (3, [1]), (1, [])])
def test_no_notice_is_as_long_as_the_trial(org: Scenario, length: int, days: list[int]) -> None:
    org.when(StartTrial(key=CRM, until=noon + length * day))
    found = notices(org, *(noon + hours * hour for hours in range(length * 24 + 2)))
    assert [told for told, _ in found] == days


def test_of_the_notices_that_were_missed_the_most_urgent_is_told(org: Scenario) -> None:
    org.when(StartTrial(key=CRM, until=end))
    assert notices(org, end - 2 * day) == [(3, end)]
    assert notices(org, end - 2 * day + hour, end - day) == [(1, end)]


def test_nobody_is_told_that_a_trial_is_ending_when_it_has_ended(org: Scenario) -> None:
    org.when(StartTrial(key=CRM, until=end))
    assert notices(org, end) == []
    assert [type(told) for told in org.outcome.facts] == [BoundaryCrossed]


def test_another_end_is_announced_anew(org: Scenario) -> None:
    org.when(StartTrial(key=CRM, until=end))
    assert notices(org, end - 7 * day) == [(7, end)]
    org.when(ExtendTrial(key=CRM, by_days=10), at=end - 6 * day)
    moved = end + 10 * day
    assert notices(org, end - 3 * day, end, moved - 7 * day) == [(7, moved)]


@pytest.mark.parametrize(
    "command",
    [
        GrantAccess(key=CRM, source="plan:gold@3"),
        GrantAccess(key=CRM, source="plan:gold@3", starts=end - hour),
        BlockAccess(scope="module", key=CRM, category="abuse"),
    ],
)
def test_an_end_that_changes_nothing_is_not_announced(org: Scenario, command: Command) -> None:
    """Something else grants in full by then, or nothing could be used anyway."""
    org.when(StartTrial(key=CRM, until=end), command)
    assert notices(org, end - 7 * day, end - 3 * day, end - day) == []
    assert org.outcome.changed


def test_an_end_that_another_grant_does_not_outlast_is_announced(org: Scenario) -> None:
    org.when(
        StartTrial(key=CRM, until=end),
        GrantAccess(key=CRM, source="plan:gold@3", until=end - hour),
    )
    assert notices(org, end - 7 * day) == [(7, end)]


class Ticked(Histories):
    """The next wake is what a look at everything finds, and what is told is what changed."""

    def __init__(self) -> None:
        self.ticked = noon
        self.told: list[str] = []
        super().__init__()

    def ask(self, command: Command, **more: object) -> None:
        self.earlier = self.org
        super().ask(command, **more)  # type: ignore[arg-type]

    def decided(
        self, command: Command, outcome: Outcome, context: Context, *, before: Oracle
    ) -> None:
        due = any(self.ticked < at <= self.now for at in wakes(self.earlier))
        if isinstance(command, CrossBoundaries):
            assert outcome.changed == due
        for happened in outcome.facts:
            if isinstance(happened, BoundaryCrossed):
                self.tells_what_changed(happened, before=before)
        if isinstance(command, CrossBoundaries) and due:
            self.ticked = max(at for at in wakes(self.earlier) if at <= self.now)
        elif outcome.changed and not due:
            self.ticked = self.now

    def tells_what_changed(self, crossed: BoundaryCrossed, *, before: Oracle) -> None:
        remembered = Oracle()
        remembered.grants = {i: g for i, g in before.grants.items() if i in self.earlier.grants}
        remembered.blocks = {i: b for i, b in before.blocks.items() if i in self.earlier.blocks}
        was, now = remembered.states(self.ticked), remembered.states(crossed.boundary)
        changed = {key: [was[key], now[key]] for key in KEYS if was[key] != now[key]}
        assert crossed.changed == changed
        self.told += crossed.boundaries
        assert all(from_iso(a) < from_iso(b) for a, b in pairwise(self.told))

    @invariant()
    def the_next_wake_is_the_first(self) -> None:
        assert self.org.ticked == self.ticked
        expected = min((at for at in wakes(self.org) if at > self.ticked), default=None)
        assert self.org.wake_at == expected


def wakes(org: Org) -> set[datetime]:
    """Where anything that begins begins or ends, and the notices of trials, by brute force."""
    found: set[datetime] = set()
    entries: list[Grant | Block] = [*org.grants.values(), *org.blocks.values()]
    for entry in entries:
        if entry.ends is None:
            found.add(entry.starts)
        elif entry.starts < entry.ends:
            found |= {entry.starts, entry.ends}
            if getattr(entry, "kind", None) == "trial":
                ahead = [entry.ends - timedelta(days=days) for days in (1, 3, 7)]
                found |= {at for at in ahead if at > entry.starts}
    return found


def test_the_next_wake_is_what_a_second_opinion_makes_of_it() -> None:
    some = settings(
        max_examples=60,
        stateful_step_count=30,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(Ticked, settings=some)


def test_a_refusal_accounts_for_nothing(org: Scenario) -> None:
    org.when(StartTrial(key=HR, until=noon + hour))
    org.when(ExtendTrial(key=HR, by_days=1), at=noon + day)
    with pytest.raises(Refusal):
        org.outcome  # noqa: B018 - it raises what was refused
    assert org.org.wake_at == noon + hour
