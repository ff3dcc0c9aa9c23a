"""Random histories of one org, heard by a second opinion as they happen."""

from copy import deepcopy
from datetime import datetime, timedelta
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from domain.catalog import Key
from domain.commands import (
    ApplyBundle,
    BlockAccess,
    Command,
    Context,
    ConvertTrial,
    ExtendTrial,
    GrantAccess,
    RegisterOrg,
    RemoveBundle,
    ResumeOrg,
    RevokeAccess,
    SetStatus,
    SetSubmodule,
    StartTrial,
    SuspendOrg,
    UnblockAccess,
)
from domain.decide import Outcome, decide
from domain.facts import OrgEvent
from domain.ids import OrgId, org_stream
from domain.org import Org
from domain.refusals import Refusal
from projections.current import copied
from tests.domain.oracle import Oracle
from tests.domain.world import (
    CATALOG,
    CRM,
    EMAIL,
    FAX,
    FORECASTS,
    HR,
    LEADS,
    MANUFACTURING,
    ORG_ADMIN,
    PAYROLL,
    SUPER_ADMIN,
    day,
    hour,
    noon,
    us,
)

few_keys = st.sampled_from([CRM, FORECASTS])
keys = few_keys | few_keys | st.sampled_from([CRM, LEADS, HR, MANUFACTURING, EMAIL, FAX])
submodules = st.sampled_from([LEADS, FORECASTS, PAYROLL])
sources = st.sampled_from(["admin", "admin", "plan:gold@3", "bundle:growth"])
references = st.sampled_from([None, None, "contract-7"])
steps = st.sampled_from([us, hour, day, 3 * day, 10 * day, 60 * day])
sometimes = st.none() | steps
scopes = st.sampled_from([("org", None), ("module", CRM), ("submodule", LEADS), ("module", HR)])
categories = st.sampled_from(["admin_off", "abuse", "suspension"])
authors = st.sampled_from([SUPER_ADMIN, SUPER_ADMIN, ORG_ADMIN])


class Histories(RuleBasedStateMachine):
    """One org on which anything may be asked at any time; subclasses say what must hold.

    `org` is replaced by each decision and never changed; `facts` are all it came to.
    """

    def __init__(self) -> None:
        super().__init__()
        self.now = noon
        self.catalog = CATALOG
        self.org = Org.blank(org_stream(OrgId("1042")))
        self.facts: list[OrgEvent] = []
        self.oracle = Oracle()
        self.ask(RegisterOrg(name="Acme"))

    def ask(self, command: Command, *, may_backdate: bool = False, by: Any = SUPER_ADMIN) -> None:
        """Decide on a copy; keep it and tell the oracle unless it is refused."""
        moved = copied(self.org)
        context = Context(catalog=self.catalog, now=self.now, by=by, may_backdate=may_backdate)
        try:
            outcome = decide(moved, [command], context)
        except Refusal:
            return
        before = deepcopy(self.oracle)
        self.org = moved
        self.facts += outcome.facts
        for fact in outcome.facts:
            self.oracle.hear(fact.TOPIC, vars(fact))
        self.decided(command, outcome, context, before=before)

    def decided(
        self, command: Command, outcome: Outcome, context: Context, *, before: Oracle
    ) -> None:
        """What must hold after a decision; `before` is the oracle as it was."""

    def within(self, step: timedelta | None) -> datetime | None:
        return None if step is None else self.now + step

    @rule(step=steps)
    def time_passes(self, step: timedelta) -> None:
        self.now += step

    @rule(late=st.sampled_from([-us, 0 * us, us]))
    def time_passes_to_the_next_boundary(self, late: timedelta) -> None:
        boundary = self.org.lanes.next_boundary(after=self.now)
        if boundary is not None:
            self.now = max(self.now, boundary + late)

    @rule(
        key=keys,
        source=sources,
        ref=references,
        starts=sometimes,
        until=sometimes,
        on_conflict=st.sampled_from(["refuse", "supersede", "supersede"]),
    )
    def grant(
        self,
        key: Key,
        source: str,
        ref: str | None,
        starts: timedelta | None,
        until: timedelta | None,
        on_conflict: Any,
    ) -> None:
        self.ask(
            GrantAccess(
                key=key,
                source=source,
                source_ref=ref,
                starts=self.within(starts),
                until=self.within(until),
                on_conflict=on_conflict,
            )
        )

    @rule(key=keys, back=steps, length=sometimes)
    def import_a_grant(self, key: Key, back: timedelta, length: timedelta | None) -> None:
        starts = self.now - back
        until = None if length is None else starts + length
        self.ask(
            GrantAccess(key=key, source="legacy", starts=starts, until=until), may_backdate=True
        )

    @rule(key=few_keys, scope=st.sampled_from(["source", "all"]), source=sources, at=sometimes)
    def revoke(self, key: Key, scope: Any, source: str, at: timedelta | None) -> None:
        self.ask(RevokeAccess(key=key, scope=scope, source=source, at=self.within(at)))

    @rule(
        key=keys,
        starts=sometimes,
        until=steps,
        latent=st.booleans(),
        override=st.booleans(),
        by=authors,
    )
    def start_trial(
        self,
        key: Key,
        starts: timedelta | None,
        until: timedelta,
        latent: bool,
        override: bool,
        by: Any,
    ) -> None:
        trial = StartTrial(
            key=key,
            starts=self.within(starts),
            until=self.now + until,
            allow_latent=latent,
            override_policy=override,
        )
        self.ask(trial, by=by)

    @rule(key=few_keys, days=st.integers(-1, 40))
    def extend_trial(self, key: Key, days: int) -> None:
        self.ask(ExtendTrial(key=key, by_days=days))

    @rule(key=few_keys)
    def convert_trial(self, key: Key) -> None:
        self.ask(ConvertTrial(key=key))

    @rule(scope=scopes, category=categories, starts=sometimes, until=sometimes)
    def block(
        self, scope: Any, category: Any, starts: timedelta | None, until: timedelta | None
    ) -> None:
        self.ask(
            BlockAccess(
                scope=scope[0],
                key=scope[1],
                category=category,
                starts=self.within(starts),
                until=self.within(until),
            )
        )

    @rule(scope=scopes, category=categories)
    def unblock(self, scope: Any, category: Any) -> None:
        self.ask(UnblockAccess(scope=scope[0], key=scope[1], category=category))

    @rule(number=st.integers(0, 5))
    def unblock_by_id(self, number: int) -> None:
        standing = sorted(self.org.blocks)
        if standing:
            self.ask(UnblockAccess(block_id=standing[number % len(standing)]))

    @rule(key=submodules, enabled=st.booleans())
    def switch_submodule(self, key: Key, enabled: bool) -> None:
        self.ask(SetSubmodule(key=key, enabled=enabled))

    @rule(command=st.sampled_from([ApplyBundle(bundle="growth"), RemoveBundle(bundle="growth")]))
    def change_bundle(self, command: Command) -> None:
        self.ask(command)

    @rule(command=st.sampled_from([SuspendOrg(), ResumeOrg()]))
    def change_suspension(self, command: Command) -> None:
        self.ask(command)

    @rule(
        key=st.sampled_from([CRM, CRM, HR, EMAIL, FAX]),
        status=st.sampled_from(["enabled", "trial", "disabled"]),
        ends=steps,
        source=sources,
        by=authors,
    )
    def set_status(self, key: Key, status: Any, ends: timedelta, source: str, by: Any) -> None:
        put = SetStatus(key=key, status=status, trial_ends=self.now + ends, source=source)
        self.ask(put, by=by)
