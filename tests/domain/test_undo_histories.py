"""Whatever a batch did to whatever org: undone, it leaves every later instant as it was before."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule, run_state_machine_as_test

from domain.commands import Command, Context
from domain.commands.undo import UndoBatch
from domain.decide import decide
from domain.effective import effective_map
from domain.facts import OrgEvent
from domain.ids import Stream
from domain.org import Org
from domain.touched import traces
from projections.current import copied
from tests.domain.histories import Histories
from tests.domain.oracle import Oracle, both
from tests.domain.world import CATALOG, SUPER_ADMIN, us

SIZES = (1, 2, 4)  # commands in a batch
MANY = settings(
    max_examples=40,
    stateful_step_count=25,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)


class Deaf(Oracle):
    """Has no opinion: it is the earlier org that tells what must be."""

    def hear(self, topic: str, told: dict[str, Any]) -> None:
        pass


class Undone(Histories):
    """The last few commands make a batch; `past` is what there was before each command."""

    def __init__(self) -> None:
        self.past: list[tuple[Org, int]] = []
        super().__init__()
        self.past.clear()  # a registration stays
        self.oracle = Deaf()

    def ask(self, command: Command, *, may_backdate: bool = False, by: Any = SUPER_ADMIN) -> None:
        self.past.append((self.org, len(self.facts)))
        super().ask(command, may_backdate=may_backdate, by=by)

    @invariant()
    def a_batch_can_be_undone_and_redone(self) -> None:
        for size in SIZES:
            if len(self.past) >= size:
                before, facts = self.past[-size]
                undone = self.without(facts, wanted=before)
                self.compensated(undone[0], undone[1], "undo", wanted=self.org)

    @precondition(lambda self: self.past)
    @rule(size=st.sampled_from(SIZES))
    def go_on_from_there(self, size: int) -> None:
        """What was undone once is as good a past as any."""
        before, facts = self.past[-min(size, len(self.past))]
        self.org, told = self.without(facts, wanted=before)
        self.facts = [of(None, fact) for fact in told]
        self.past.clear()

    def without(self, first: int, *, wanted: Org) -> tuple[Org, list[OrgEvent]]:
        facts = self.facts[:first] + [of("batch", fact) for fact in self.facts[first:]]
        return self.compensated(self.org, facts, "batch", wanted=wanted)

    def compensated(
        self, org: Org, facts: Sequence[OrgEvent], batch_id: str, *, wanted: Org
    ) -> tuple[Org, list[OrgEvent]]:
        """The org after a batch is undone, which is as it is `wanted` from now on."""
        by = replace(SUPER_ADMIN, batch_id="undo")
        undo, moved = UndoBatch(traces(Stream(org.id), facts, batch_id=batch_id)), copied(org)
        outcome = decide(moved, [undo], Context(catalog=CATALOG, now=self.now, by=by))
        assert {entry["skipped"] for entry in undo.came_to} <= {None, "over"}
        edges = [*wanted.lanes.boundaries(after=self.now), *moved.lanes.boundaries(after=self.now)]
        for at in {self.now, *both(edges, apart=us)}:
            found = effective_map(moved.lanes, CATALOG, at)
            assert found == effective_map(wanted.lanes, CATALOG, at), at
        return moved, [*facts, *outcome.facts]


def of(batch_id: str | None, fact: OrgEvent) -> OrgEvent:
    """The fact as one of a batch."""
    marked = object.__new__(type(fact))
    marked.__dict__.update(vars(fact), batch_id=batch_id)
    return marked


def test_a_batch_that_is_undone_has_no_effect_from_then_on() -> None:
    run_state_machine_as_test(Undone, settings=MANY)
