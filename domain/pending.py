"""What is still to come for an org by itself: when, what it changes, and who scheduled it."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from domain.catalog import Catalog, Key, module_of
from domain.effective import Effective, effective_map
from domain.facts import (
    AccessBlocked,
    GrantEnded,
    ModuleGranted,
    ScheduleCancelled,
    TrialExtended,
    TrialStarted,
)
from domain.history import History, Recorded
from domain.lanes import Block, Grant
from domain.schedule import Change, changes

_INSTANT = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """A change to come, the fact that scheduled it, and the states of the keys it has a part in.

    `states` has the keys in its scope whose effective state changes at that instant, with the state
    before and after; whatever else changes then counts, too.
    """

    change: Change
    because: Recorded
    states: dict[Key, tuple[Effective, Effective]]


def pending(history: History, catalog: Catalog, *, at: datetime) -> list[Pending]:
    """The changes after `at`, in the order in which they come."""
    coming = [change for change in changes(history.org.entries()) if change.at > at]
    return [
        Pending(
            change=change,
            because=_because(history, change),
            states=_states(history, catalog, change),
        )
        for change in sorted(coming, key=lambda change: (change.at, change.edge, change.entry.id))
    ]


def _because(history: History, change: Change) -> Recorded:
    """The last fact that says this of the entry: not one that merely left it so."""
    behind = history.behind(change.entry)
    said = [entry for entry in behind if _says(entry, change)]
    return (said or list(behind))[-1]


def _says(entry: Recorded, change: Change) -> bool:
    match entry.fact:
        case ModuleGranted() | AccessBlocked() as opened:
            return change.at == (opened.starts if change.edge == "starts" else opened.ends)
        case TrialStarted() as started:
            return change.at == (started.starts if change.edge == "starts" else started.ends_at)
        case TrialExtended() as extended:
            return change.edge == "ends" and change.at == extended.ends_at
        case GrantEnded() as ended:
            return change.edge == "ends" and change.at == ended.effective_at
        case ScheduleCancelled():
            return False
    return False


def _states(
    history: History, catalog: Catalog, change: Change
) -> dict[Key, tuple[Effective, Effective]]:
    modules = None if change.entry.key is None else {module_of(change.entry.key)}
    before = effective_map(history.lanes, catalog, change.at - _INSTANT, modules=modules)
    after = effective_map(history.lanes, catalog, change.at, modules=modules)
    return {
        key: (before[key], state)
        for key, state in after.items()
        if before[key] is not state and _concerns(change.entry, key)
    }


def _concerns(entry: Grant | Block, key: Key) -> bool:
    if isinstance(entry, Block):
        return entry.concerns(key)
    return entry.key in (key, module_of(key))
