"""The seed's three words for a module, mapped on to grants, trials and blocks."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from domain.catalog import Catalog, Key
from domain.commands.base import Command, Context, active_in_slot, in_slot, live_grants
from domain.commands.blocks import lift_block, live_block, switch_off
from domain.commands.grants import end_grant, ensure_grant, supersede
from domain.commands.trials import (
    check_unused,
    convert_trial,
    extend_trial,
    start_trial,
    trial_slot,
)
from domain.lanes import ADMIN_SOURCE, TRIAL_SOURCE, valid_source
from domain.org import Org
from domain.refusals import Unacceptable

Status = Literal["enabled", "trial", "disabled"]


class TrialEndMissing(Unacceptable):
    """A module was set to trial without saying until when."""

    code = "trial_end_missing"
    hint = "Send trial_expires_at with the status 'trial'."

    def __init__(self, key: Key) -> None:
        super().__init__(f"The trial of '{key}' has no end.", key=key)


@dataclass(frozen=True, slots=True, kw_only=True)
class SetStatus(Command):
    """Bring a module to a status, as the seed's `PUT` means it. Source: `semantics.md`, "Commands".

    `source` replaces `admin` as the source of the full grant.
    """

    key: Key
    status: Status
    trial_ends: datetime | None = None
    source: str = ADMIN_SOURCE

    def keys(self, org: Org, catalog: Catalog) -> Iterable[Key]:
        return (self.key,)

    def decide(self, org: Org, context: Context) -> Sequence[str]:
        valid_source(self.source)
        if context.exempt(self.key):
            return ()
        if self.status != "disabled":
            context.grantable(self.key)
        match self.status:
            case "enabled":
                return self._enable(org, context)
            case "trial":
                return self._try(org, context)
            case "disabled":
                return self._disable(org, context)

    def _enable(self, org: Org, context: Context) -> Sequence[str]:
        done = self._switch_on(org, context)
        standing = active_in_slot(org, (self.key, self.source, None), at=context.now)
        trial = active_in_slot(org, trial_slot(self.key), at=context.now)
        if standing is None and trial is not None and self.source == ADMIN_SOURCE:
            convert_trial(org, context, trial)
            return [*done, f"'{self.key}': the running trial was converted."]
        ensure_grant(org, context, self.key, self.source)
        return done

    def _try(self, org: Org, context: Context) -> Sequence[str]:
        if self.trial_ends is None:
            raise TrialEndMissing(self.key)
        ends = context.trial_end(self.trial_ends, starts=context.now)
        done = self._switch_on(org, context)
        for grant in live_grants(org, self.key, at=context.now, source=self.source):
            end_grant(org, context, grant, ended_by="revoked")
        self._set_trial(org, context, ends)
        others = self._others(org, context, active=True)
        if others:
            return [
                *done,
                f"'{self.key}' stays enabled: {', '.join(others)} still grants it in full.",
            ]
        return done

    def _set_trial(self, org: Org, context: Context, ends: datetime) -> None:
        trial = active_in_slot(org, trial_slot(self.key), at=context.now)
        if trial is None or (trial.ends or ends) > ends:
            if not context.by.actor.may_override:
                check_unused(org, self.key)
            supersede(org, context, trial_slot(self.key), at=context.now)
            start_trial(org, context, self.key, starts=context.now, ends=ends)
            return
        for later in in_slot(org, trial_slot(self.key), at=context.now):
            if later is not trial:
                end_grant(org, context, later, ended_by="superseded")
        if trial.ends != ends:
            extend_trial(org, context, trial, until=ends)

    def _disable(self, org: Org, context: Context) -> Sequence[str]:
        ended = [
            grant
            for source in (self.source, TRIAL_SOURCE)
            for grant in live_grants(org, self.key, at=context.now, source=source)
        ]
        for grant in ended:
            end_grant(org, context, grant, ended_by="revoked")
        others = self._others(org, context)
        if not others:
            return (
                [f"'{self.key}': {' and '.join(g.source for g in ended)} ended."] if ended else ()
            )
        switch_off(org, context, "module", self.key)
        return [
            f"'{self.key}' is blocked (admin_off), because {', '.join(others)} still grants it."
        ]

    def _switch_on(self, org: Org, context: Context) -> list[str]:
        off = live_block(org, "module", self.key, "admin_off", at=context.now)
        if off is None:
            return []
        lift_block(org, context, off)
        return [f"'{self.key}': the admin_off block was lifted."]

    def _others(self, org: Org, context: Context, *, active: bool = False) -> list[str]:
        """The other sources that grant the module, also those that will unless `active`."""
        live = live_grants(org, self.key, at=context.now)
        others = {grant.source for grant in live if grant.active(context.now) or not active}
        return sorted(others - {self.source, TRIAL_SOURCE})
