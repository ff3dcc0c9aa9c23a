"""Judges checks from memory, on any thread and without waiting; leaves open what it cannot tell."""

from typing import NamedTuple

from entitlements_sdk.cache import Entry, OrgCache
from entitlements_sdk.catalog import Catalog
from entitlements_sdk.counters import Counters
from entitlements_sdk.decision import REASONS, Decision
from entitlements_sdk.policy import UnknownPolicy
from entitlements_sdk.principal import Principal
from entitlements_sdk.refusals import OutOfReach
from entitlements_sdk.snapshot import Snapshot
from entitlements_sdk.verdict import (
    EXEMPT,
    UNAVAILABLE,
    UNKNOWN_ALLOWED,
    UNKNOWN_KEY,
    UNKNOWN_ORG,
    Verdict,
    judge,
    second_axis,
)

_KILLED = Verdict(True, "unknown", None, "gating_off")


class Question(NamedTuple):
    """One check: may `principal` use `key` of `org`, and have they `permission`?

    `min_version` is the least org version to judge by, as a command answered it.
    """

    org: str
    key: str
    permission: str | None = None
    principal: Principal | None = None
    min_version: int = 0


class Judging:
    """Decisions from the cache and the catalog.

    Args:
        gated: False is the kill switch of this process: entitlements deny nothing.
        recorded: whether a super admin may have a denial set aside, once that is recorded.
    """

    def __init__(
        self, cache: OrgCache, policy: UnknownPolicy, *, gated: bool, recorded: bool
    ) -> None:
        self.cache = cache
        self.counters = Counters()
        self.catalog: Catalog | None = None
        self._policy = policy
        self._gated = gated
        self._recorded = recorded
        self._monotonic = cache.clock.monotonic

    def at_once(
        self,
        org: str,
        raw: str,
        permission: str | None = None,
        principal: Principal | None = None,
        min_version: int = 0,
    ) -> Decision | None:
        """The decision where memory is enough, None where the ledger has to be asked first.

        Every guarded request comes by here, so it is written out rather than taken apart.
        """
        catalog = self.catalog
        key = None if catalog is None else catalog.spellings.get(raw) or catalog.resolve(raw)
        now = self._monotonic()
        at = self.cache.clock.at(now)
        entry = self.cache.held(org, now, at)
        if catalog is None or key is None or entry is None:
            return self._without_entry(Question(org, raw, permission, principal), key)
        snapshot = entry.snapshot
        place = snapshot.places.get(key)
        if place is None or snapshot.version < min_version:
            return None
        asked = (
            snapshot.row[place],
            (snapshot.mode if snapshot.modes is None else snapshot.mode_of(key))
            if self._gated
            else "off",
            principal is not None and principal.role == "super_admin",
            None if permission is None else _may(principal, permission, catalog),
            principal is None or principal.org == org or principal.may_choose_org,
        )
        verdict = judge(*asked)
        if verdict.bypassable and self._recorded:
            return None
        counters = self.counters
        counters.hits += 1
        why = self._no_bypass(verdict, principal) if verdict.bypassable else None
        until = entry.not_after
        decision = Decision(verdict, snapshot, key, permission, at, until, asked, False, why)
        if verdict.allowed and verdict.would_deny is None:
            counters.checks += 1
            return decision
        return self.counted(decision)

    def allowed_at_once(
        self, org: str, raw: str, permission: str | None, principal: Principal | None
    ) -> bool:
        """Whether memory is enough to allow; whatever else is so, `at_once` has to tell.

        The same as `at_once` without making a decision of it, which costs as much as the rest.
        """
        catalog, now = self.catalog, self._monotonic()
        entry = self.cache.held(org, now, self.cache.clock.at(now))
        if catalog is None or entry is None or not self._gated:
            return False
        snapshot, key = entry.snapshot, catalog.spellings.get(raw)
        place = None if key is None else snapshot.places.get(key)
        if place is None or key is None:
            return False
        verdict = judge(
            snapshot.row[place],
            snapshot.mode if snapshot.modes is None else snapshot.mode_of(key),
            principal is not None and principal.role == "super_admin",
            None if permission is None else _may(principal, permission, catalog),
            principal is None or principal.org == org or principal.may_choose_org,
        )
        if not verdict.allowed or verdict.would_deny is not None:
            return False
        self.counters.hits += 1
        self.counters.checks += 1
        return True

    def judged(self, question: Question, entry: Entry, *, stale: bool = False) -> Decision:
        """The decision by an entry that was read for it, or is the last known good."""
        assert self.catalog is not None
        key = self.catalog.resolve(question.key) or question.key
        not_after = self.cache.stale_until(entry) if stale else entry.not_after
        return self._judge(question, entry.snapshot, key, not_after, stale)

    def unknown(self, question: Question, why: OutOfReach) -> Decision:
        """The decision when the ledger could not be asked: last known good, else by policy."""
        catalog = self.catalog
        key = (catalog.resolve(question.key) if catalog else None) or question.key
        entry = self.cache.last_good(question.org, self._monotonic())
        if catalog is not None and entry is not None:
            known = key in entry.snapshot.places
            if known and entry.snapshot.version >= question.min_version:
                self.counters.stale += 1
                return self.judged(question, entry, stale=True)
        if catalog is not None and key in catalog.exempt:
            return self._without(question, judge(EXEMPT))
        verdict = UNKNOWN_ALLOWED if self._policy.of(key) == "allow" else UNAVAILABLE
        return self._without(
            question,
            verdict,
            reason=f"It cannot be found out at the moment: {why}.",
            retry_after=why.retry_after,
        )

    def nowhere(self, question: Question) -> Decision:
        """The decision about an id that no org can have."""
        assert self.catalog is not None
        key = self.catalog.resolve(question.key)
        exempt = key in self.catalog.exempt
        cell = UNKNOWN_KEY if key is None else EXEMPT if exempt else UNKNOWN_ORG
        return self._without(question, judge(cell, "enforce" if self._gated else "off"))

    def bypassed(self, denied: Decision) -> Decision:
        """The decision once the bypass of a denial is recorded."""
        self.counters.bypasses += 1
        return denied.replaced(Verdict(True, denied.status, denied.denied_by, "bypass"))

    def not_bypassed(self, denied: Decision, why: Exception) -> Decision:
        """The decision when the bypass could not be recorded: none, and not a denial either."""
        return denied.replaced(
            UNAVAILABLE, reason=f"The bypass cannot be recorded: {why}.", retry_after=1.0
        )

    def _judge(
        self,
        question: Question,
        snapshot: Snapshot,
        key: str,
        not_after: float,
        stale: bool,
    ) -> Decision:
        org, _, permission, principal, _ = question
        cell = snapshot.cell(key)
        mode = "enforce" if cell == UNKNOWN_KEY else snapshot.mode_of(key)
        asked = (
            cell,
            mode if self._gated else "off",
            principal is not None and principal.is_super_admin,
            None if permission is None else _may(principal, permission, self.catalog),
            principal is None or principal.may_act_in(org),
        )
        at, verdict = self.cache.clock.now(), judge(*asked)
        why = self._no_bypass(verdict, principal) if verdict.bypassable else None
        return Decision(verdict, snapshot, key, permission, at, not_after, asked, stale, why)

    def _no_bypass(self, verdict: Verdict, principal: Principal | None) -> str | None:
        """What a super admin is told who wants to bypass where nothing can record it."""
        if self._recorded or principal is None or principal.bypass is None:
            return None
        return f"{REASONS[verdict.denied_by or '']} This service allows no bypass."

    def counted(self, decision: Decision) -> Decision:
        """Every decision is counted once."""
        counters = self.counters
        counters.checks += 1
        if decision.allowed:
            if decision.would_deny is not None:
                counters.would_deny += 1
        elif decision.unavailable:
            counters.unavailable += 1
        elif decision.denied_by == "permission":
            counters.permission_denied += 1
        else:
            counters.denied += 1
        return decision

    def _without_entry(self, question: Question, key: str | None) -> Decision | None:
        """What needs nothing current about the org: the kill switch, and exempt keys."""
        if not self._gated and (key is not None or self.catalog is None):
            return self.counted(self._without(question, _KILLED))
        if key is None:
            return None
        known = self.cache.known(question.org)
        if known is None or known.places.get(key) is None or known.cell(key) != EXEMPT:
            return None
        return self.counted(self._without(question, judge(EXEMPT)))

    def _without(
        self,
        question: Question,
        verdict: Verdict,
        *,
        reason: str | None = None,
        retry_after: float = 0.0,
    ) -> Decision:
        """A decision that does not rest on the org's state."""
        org, raw, permission, principal, _ = question
        catalog = self.catalog
        if verdict.allowed:
            permitted = None if permission is None else _may(principal, permission, catalog)
            own = principal is None or principal.may_act_in(org)
            verdict = second_axis(verdict, permitted=permitted, own=own)
        version = 0 if catalog is None else catalog.version
        snapshot = self.cache.known(org) or Snapshot(org, catalog_version=version)
        key = (catalog.resolve(raw) if catalog else None) or raw
        at = self.cache.clock.now()
        return Decision(
            verdict, snapshot, key, permission, at, None, None, False, reason, retry_after
        )


def _may(principal: Principal | None, permission: str, catalog: Catalog | None) -> bool:
    """RBAC: whether the caller's own permissions, or those of the role, cover one."""
    if principal is None:
        return False
    if permission in principal.may:
        return True
    return catalog is not None and permission in catalog.role_may(principal.role)
