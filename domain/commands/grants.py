"""Full grants: given by a source, ended by a source."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from domain.catalog import Catalog, Key, module_of
from domain.commands.base import Command, Context, active_in_slot, in_slot, live_grants
from domain.effective import Effective, effective
from domain.facts import GrantEnded, ModuleGranted
from domain.instants import aware, iso
from domain.lanes import ADMIN_SOURCE, EndedBy, Grant, Slot, valid_source
from domain.org import Org
from domain.refusals import Backdated, GrantConflict, Unacceptable
from domain.texts import LONGEST_REFERENCE, text


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantAccess(Command):
    """Give full access to `key` from one source.

    Raises:
        GrantConflict: the slot holds a live grant with other terms, unless it may be superseded.
    """

    key: Key
    source: str = ADMIN_SOURCE
    source_ref: str | None = None
    starts: datetime | None = None
    until: datetime | None = None
    on_conflict: Literal["refuse", "supersede"] = "refuse"

    def keys(self, org: Org, catalog: Catalog) -> Iterable[Key]:
        return (self.key,)

    def decide(self, org: Org, context: Context) -> Sequence[str]:
        source = valid_source(self.source)
        if self.source_ref is not None:
            text(self.source_ref, field="source_ref", longest=LONGEST_REFERENCE)
        warnings = context.exempt(self.key)
        if warnings:
            return warnings
        context.grantable(self.key)
        starts, ends = context.interval(self.starts, self.until)
        slot = (self.key, source, self.source_ref)
        standing = in_slot(org, slot, at=context.now)
        if standing and self._same_terms(standing[-1], ends, now=context.now):
            return ()
        if standing and self.on_conflict != "supersede":
            last = standing[-1]
            raise GrantConflict(
                self.key,
                source=source,
                grant_id=last.id,
                starts=iso(last.starts),
                until=iso(last.ends) if last.ends else None,
            )
        if standing:
            supersede(org, context, slot, at=starts)
        open_grant(org, context, self.key, source, self.source_ref, starts=starts, ends=ends)
        return ()

    def _same_terms(self, standing: Grant, ends: datetime | None, *, now: datetime) -> bool:
        if self.starts is None:
            return standing.ends == ends and standing.starts <= now
        return (standing.starts, standing.ends) == (self.starts, ends)


class ContradictoryScope(Unacceptable):
    """Every source is to end, and one is named."""

    code = "contradictory_scope"
    hint = "Leave out scope to end what one source gives, or source and source_ref to end all."

    def __init__(self, key: Key, *, source: str | None, source_ref: str | None) -> None:
        named = " and ".join(
            f"{field} '{value}'"
            for field, value in (("source", source), ("source_ref", source_ref))
            if value
        )
        super().__init__(f"scope=all ends every source of '{key}', and {named} is named.", key=key)


@dataclass(frozen=True, slots=True, kw_only=True)
class RevokeAccess(Command):
    """End what one source, or every source, gives of `key`; a future `at` schedules it.

    Raises:
        ContradictoryScope: every source is to end, and one is named.
    """

    key: Key
    scope: Literal["source", "all"] = "source"
    source: str | None = None
    source_ref: str | None = None
    at: datetime | None = None

    def keys(self, org: Org, catalog: Catalog) -> Iterable[Key]:
        return (self.key,)

    def decide(self, org: Org, context: Context) -> Sequence[str]:
        if self.scope == "all" and (self.source or self.source_ref):
            raise ContradictoryScope(self.key, source=self.source, source_ref=self.source_ref)
        warnings = context.exempt(self.key)
        if warnings:
            return warnings
        at = context.now if self.at is None else aware(self.at, field="at")
        if at < context.now and not context.may_backdate:
            raise Backdated(field="at", value=iso(at), now=iso(context.now))
        source = None
        if self.scope == "source":
            source = valid_source(self.source or ADMIN_SOURCE, trial=True)
        ending = live_grants(
            org, self.key, at=context.now, source=source, source_ref=self.source_ref
        )
        cut = [grant for grant in ending if grant.ends is None or grant.ends > at]
        for grant in cut:
            end_grant(org, context, grant, ended_by="revoked", at=at)
        return self._still_on(org, context, at) or ([] if cut else self._sooner(ending, at))

    def _still_on(self, org: Org, context: Context, at: datetime) -> Sequence[str]:
        still = sorted({g.source for g in live_grants(org, self.key, at=at) if g.active(at)})
        if still:
            return [f"'{self.key}' is still granted by {', '.join(still)}."]
        if effective(org.lanes, context.catalog, self.key, at) is not Effective.DISABLED:
            module = module_of(self.key)
            return [f"'{self.key}' stays on with '{module}': switch it off with set-submodule."]
        return ()

    def _sooner(self, ending: Sequence[Grant], at: datetime) -> Sequence[str]:
        ends = [g.ends for g in ending if g.kind == "full" and g.ends is not None and g.ends < at]
        if not ends:
            return ()
        stands = f"'{self.key}' ends at {iso(max(ends))} already"
        return [f"{stands}; cancel that first for it to go on until {iso(at)}."]


def open_grant(
    org: Org,
    context: Context,
    key: Key,
    source: str,
    source_ref: str | None = None,
    *,
    starts: datetime | None = None,
    ends: datetime | None = None,
) -> None:
    """Record a full grant."""
    starts = starts or context.now
    context.record(
        org,
        ModuleGranted,
        grant_id=context.new_id(),
        key=key,
        source=source,
        source_ref=source_ref,
        starts=starts,
        ends=ends,
        effective_at=starts,
    )


def ensure_grant(org: Org, context: Context, key: Key, source: str) -> None:
    """Record a full grant from now on, unless one is active; one that was to come gives way."""
    slot = (key, source, None)
    if active_in_slot(org, slot, at=context.now) is None:
        supersede(org, context, slot, at=context.now)
        open_grant(org, context, key, source)


def supersede(org: Org, context: Context, slot: Slot, *, at: datetime) -> None:
    """Record that whatever stands in a slot ends at `at`, where it would not end before."""
    for grant in in_slot(org, slot, at=context.now):
        if grant.ends is None or grant.ends > at:
            end_grant(org, context, grant, ended_by="superseded", at=at)


def end_grant(
    org: Org, context: Context, grant: Grant, *, ended_by: EndedBy, at: datetime | None = None
) -> None:
    """Record that a grant or a trial ends, now or at a later instant."""
    context.record(
        org,
        GrantEnded,
        grant_id=grant.id,
        key=grant.key,
        source=grant.source,
        source_ref=grant.source_ref,
        ended_by=ended_by,
        effective_at=at or context.now,
    )
