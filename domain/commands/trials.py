"""Trials: once per key, extended while they run, converted without a gap."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from domain.catalog import Catalog, Key, module_of
from domain.commands.base import Command, Context, active_in_slot, in_slot
from domain.commands.grants import end_grant, supersede
from domain.facts import TrialConverted, TrialExtended, TrialStarted
from domain.instants import iso
from domain.lanes import ADMIN_SOURCE, TRIAL_SOURCE, Grant, Slot
from domain.org import Org
from domain.refusals import (
    AlreadyEnabled,
    EmptyInterval,
    NotLater,
    NotPermitted,
    TrialAlreadyUsed,
    TrialNotRunning,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class StartTrial(Command):
    """Let the org try `key` until an end, once in its history.

    Raises:
        TrialAlreadyUsed: it was on trial before; a super admin may override, which is recorded.
        AlreadyEnabled: a full grant is active, unless the trial may lie latent under it.
        TrialTooLong: the end is later than the catalog's longest trial.
    """

    key: Key
    until: datetime
    starts: datetime | None = None
    allow_latent: bool = False
    override_policy: bool = False

    def keys(self, org: Org, catalog: Catalog) -> Iterable[Key]:
        return (self.key,)

    def decide(self, org: Org, context: Context) -> Sequence[str]:
        warnings = context.exempt(self.key)
        if warnings:
            return warnings
        context.grantable(self.key)
        starts, _ = context.interval(self.starts, None)
        ends = context.trial_end(self.until, starts=starts)
        if ends <= starts:
            raise EmptyInterval(starts=iso(starts), until=iso(ends))
        slot = trial_slot(self.key)
        standing = in_slot(org, slot, at=context.now)
        if standing and self._same_terms(standing[-1], ends, now=context.now):
            return ()
        self._check_policy(org, context)
        supersede(org, context, slot, at=starts)
        start_trial(org, context, self.key, starts=starts, ends=ends)
        return ()

    def _same_terms(self, standing: Grant, ends: datetime, *, now: datetime) -> bool:
        if self.starts is None:
            return standing.ends == ends and standing.starts <= now
        return (standing.starts, standing.ends) == (self.starts, ends)

    def _check_policy(self, org: Org, context: Context) -> None:
        sources = {
            grant.source
            for grant in org.grants.values()
            if grant.key in self._enabled_by(context.catalog)
            and grant.kind == "full"
            and grant.active(context.now)
        }
        if sources and not self.allow_latent:
            raise AlreadyEnabled(self.key, sources=sorted(sources))
        if self.override_policy and self.key in org.used_trials:
            if not context.by.actor.may_override:
                raise NotPermitted("Only a super admin may override the once-only rule of trials.")
            return
        check_unused(org, self.key)

    def _enabled_by(self, catalog: Catalog) -> tuple[Key, ...]:
        """The keys whose grants enable it: its own, and its module where it comes with that."""
        submodule = catalog.submodule(self.key)
        comes_along = submodule is not None and submodule.on_by_default
        return (self.key, module_of(self.key)) if comes_along else (self.key,)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtendTrial(Command):
    """Move the end of a running trial, by days from its current end or to an instant.

    Raises:
        TrialNotRunning: no trial of `key` is running.
        NotLater: the new end is not after the current one.
    """

    key: Key
    by_days: int | None = None
    until: datetime | None = None

    def keys(self, org: Org, catalog: Catalog) -> Iterable[Key]:
        return (self.key,)

    def decide(self, org: Org, context: Context) -> Sequence[str]:
        context.grantable(self.key)
        trial = running_trial(org, self.key, at=context.now)
        current = trial.ends
        assert current is not None
        asked = self.until or current + timedelta(days=self.by_days or 0)
        until = context.trial_end(asked, starts=context.now)
        if until <= current:
            raise NotLater(self.key, until=iso(until), current=iso(current))
        for later in _others(org, context, trial):
            if later.starts < until:  # there is one trial at a time
                end_grant(org, context, later, ended_by="superseded")
        extend_trial(org, context, trial, until=until)
        return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ConvertTrial(Command):
    """End a running trial and open a full `admin` grant at the same instant.

    Raises:
        TrialNotRunning: no trial of `key` is running.
    """

    key: Key

    def keys(self, org: Org, catalog: Catalog) -> Iterable[Key]:
        return (self.key,)

    def decide(self, org: Org, context: Context) -> Sequence[str]:
        context.grantable(self.key)
        convert_trial(org, context, running_trial(org, self.key, at=context.now))
        return ()


def trial_slot(key: Key) -> Slot:
    """Where the trials of `key` follow one another."""
    return key, TRIAL_SOURCE, None


def running_trial(org: Org, key: Key, *, at: datetime) -> Grant:
    """The trial of `key` that runs at `at`."""
    trial = active_in_slot(org, trial_slot(key), at=at)
    if trial is None:
        raise TrialNotRunning(key)
    return trial


def check_unused(org: Org, key: Key) -> None:
    """Raises TrialAlreadyUsed where `key` was on trial before."""
    used = org.used_trials.get(key)
    if used is not None:
        raise TrialAlreadyUsed(
            key, grant_id=used.grant_id, starts=iso(used.starts), until=iso(used.ends)
        )


def start_trial(org: Org, context: Context, key: Key, *, starts: datetime, ends: datetime) -> None:
    """Record a trial, naming the earlier one it overrides."""
    used = org.used_trials.get(key)
    context.record(
        org,
        TrialStarted,
        grant_id=context.new_id(),
        key=key,
        source_ref=None,
        starts=starts,
        ends_at=ends,
        overrides=used.grant_id if used else None,
        effective_at=starts,
    )


def extend_trial(org: Org, context: Context, trial: Grant, *, until: datetime) -> None:
    """Record another end of a trial: a later one, or what it was before it was moved."""
    context.record(
        org,
        TrialExtended,
        grant_id=trial.id,
        key=trial.key,
        ends_at=until,
        previous_ends_at=trial.ends,
    )


def _others(org: Org, context: Context, trial: Grant) -> list[Grant]:
    """The other trials of its key that are still to come."""
    standing = in_slot(org, trial_slot(trial.key), at=context.now)
    return [grant for grant in standing if grant.id != trial.id]


def convert_trial(org: Org, context: Context, trial: Grant) -> None:
    """Record that a trial became a full grant; an `admin` grant that already stands is kept."""
    for later in _others(org, context, trial):
        end_grant(org, context, later, ended_by="converted")
    slot = (trial.key, ADMIN_SOURCE, None)
    if active_in_slot(org, slot, at=context.now) is not None:
        end_grant(org, context, trial, ended_by="converted")
        return
    supersede(org, context, slot, at=context.now)
    context.record(
        org,
        TrialConverted,
        trial_id=trial.id,
        grant_id=context.new_id(),
        key=trial.key,
        source=ADMIN_SOURCE,
        source_ref=None,
    )
