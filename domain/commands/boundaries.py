"""What the boundary ticker asks: that what time did by itself be told as a fact."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from domain.commands.base import Command, Context
from domain.effective import effective_map
from domain.facts import BoundaryCrossed, TrialEnding
from domain.instants import iso
from domain.org import Org
from domain.wakes import Notice, boundaries_of, notices


@dataclass(frozen=True, slots=True)
class CrossBoundaries(Command):
    """Account for everything that was due since it was last asked; nothing due changes nothing.

    What a later command made the org forget (a block that ended and was raised again while nobody
    ticked) is not told.
    """

    def decide(self, org: Org, context: Context) -> Sequence[str]:
        due = org.due(until=context.now)
        if not due:
            return ()
        since, until = org.ticked, due[-1]
        ending = list(notices(org.lanes, context.catalog, after=since, until=context.now))
        crossed = self._crossed(org, since=since, until=until)
        if crossed or not ending:
            _cross(org, context, crossed, since=since, until=until)
        for notice in ending:
            _tell(org, context, notice, until=until)
        return ()

    def _crossed(self, org: Org, *, since: datetime, until: datetime) -> list[datetime]:
        instants = {at for entry in org.entries() for at in boundaries_of(entry)}
        return sorted(at for at in instants if since < at <= until)


def _cross(
    org: Org, context: Context, crossed: Sequence[datetime], *, since: datetime, until: datetime
) -> None:
    lanes = org.lanes
    before = effective_map(lanes, context.catalog, since)
    after = effective_map(lanes, context.catalog, until)
    context.record(
        org,
        BoundaryCrossed,
        boundary=until,
        boundaries=[iso(at) for at in crossed],
        changed={
            key: [before[key].label, state.label]
            for key, state in after.items()
            if before[key] is not state
        },
        effective_at=until,
    )


def _tell(org: Org, context: Context, notice: Notice, *, until: datetime) -> None:
    context.record(
        org,
        TrialEnding,
        grant_id=notice.trial.id,
        key=notice.trial.key,
        ends_at=notice.trial.ends,
        days=notice.before.days,
        boundary=until,
        effective_at=notice.due,
    )
