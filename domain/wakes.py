"""When something is due on an org: boundaries, and notices before the end of a trial."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from domain.catalog import Catalog
from domain.effective import Lanes, effective
from domain.lanes import Block, Grant

NOTICES = tuple(timedelta(days=days) for days in (7, 3, 1))
"""How long before the end of a trial it is told of."""

_INSTANT = timedelta(microseconds=1)


def boundaries_of(entry: Grant | Block) -> Iterator[datetime]:
    """Where a grant or a block begins and ends, if it ever begins."""
    if entry.begins:
        yield entry.starts
        if entry.ends is not None:
            yield entry.ends


def wakes_of(entry: Grant | Block) -> Iterator[datetime]:
    """The boundaries of a grant or a block and, of a trial, the notices before its end."""
    yield from boundaries_of(entry)
    if isinstance(entry, Grant) and entry.kind == "trial" and entry.ends is not None:
        yield from (entry.ends - before for before in notices_of(entry))


def notices_of(trial: Grant) -> list[timedelta]:
    """How long before its end each notice is due; none that is not shorter than the trial."""
    if trial.ends is None:
        return []
    return [before for before in NOTICES if trial.ends - trial.starts > before]


def first_wake(entries: Iterable[Grant | Block], *, after: datetime) -> tuple[datetime, str] | None:
    """The first instant after `after` at which something is due, and the entry it is due on."""
    found: tuple[datetime, str] | None = None
    for entry in entries:
        if (entry.ends or entry.starts) <= after:  # so lies all of it, which is so of most
            continue
        for at in wakes_of(entry):
            if at > after and (found is None or at < found[0]):
                found = at, entry.id
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """A trial that ends in at most `before`, which was to be told at `due`."""

    trial: Grant
    before: timedelta
    due: datetime


def notices(
    lanes: Lanes, catalog: Catalog, *, after: datetime, until: datetime
) -> Iterator[Notice]:
    """The notices due in `(after, until]`: of each trial the most urgent, if its end matters.

    It does not where the state is no lower from then on, nor where it lies behind already.
    """
    for trial in (grant for grants in lanes.grants.values() for grant in grants):
        if trial.kind != "trial" or trial.ends is None or not trial.active(until):
            continue
        due = [before for before in notices_of(trial) if after < trial.ends - before <= until]
        if due and _lowers(lanes, catalog, trial, end=trial.ends):
            yield Notice(trial=trial, before=min(due), due=trial.ends - min(due))


def _lowers(lanes: Lanes, catalog: Catalog, trial: Grant, *, end: datetime) -> bool:
    before = effective(lanes, catalog, trial.key, end - _INSTANT)
    return effective(lanes, catalog, trial.key, end) < before
