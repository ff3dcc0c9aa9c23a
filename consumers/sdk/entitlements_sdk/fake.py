"""Entitlements for the tests of a service: no ledger, the same decisions."""

import time
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Any, Self

from entitlements_sdk.cache import OrgCache
from entitlements_sdk.catalog import Catalog, module_of
from entitlements_sdk.clock import LedgerClock
from entitlements_sdk.decision import Decision
from entitlements_sdk.instants import text_of
from entitlements_sdk.judging import Judging, Question
from entitlements_sdk.org_ids import org_id, org_json
from entitlements_sdk.policy import OnUnknown, UnknownPolicy
from entitlements_sdk.principal import Principal
from entitlements_sdk.refusals import InvalidOrgId, OutOfReach
from entitlements_sdk.snapshot import Snapshot


class FakeEntitlements:
    """Stands in for `Entitlements`, in guards as well; says whatever a test tells it to.

        fake = FakeEntitlements(keys=["crm", "crm.lead_management"], exempt=["email"])
        fake.grant(42, "crm")
        fake.deny(42, "crm", denied_by="trial_expired")
        fake.lose_the_ledger()

    Args:
        keys: the billable keys of the catalog.
        exempt: its keys that are never gated.
        role_permissions: what a role may by itself.
        on_unknown: as of `Entitlements`.
    """

    def __init__(
        self,
        *,
        keys: Iterable[str] = (),
        exempt: Iterable[str] = (),
        role_permissions: Mapping[str, Iterable[str]] | None = None,
        on_unknown: OnUnknown | Mapping[str, OnUnknown] = "unavailable",
    ) -> None:
        kinds = {**dict.fromkeys(keys, "billable"), **dict.fromkeys(exempt, "always_on")}
        roles = role_permissions or {"super_admin": ["*"]}
        self._catalog = Catalog(
            {
                "catalog_version": 1,
                "keys": {key: {"kind": kind, "permission": None} for key, kind in kinds.items()},
                "aliases": {},
                "role_permissions": {role: list(may) for role, may in roles.items()},
            }
        )
        self._cache = OrgCache(clock=LedgerClock(), stale_seconds=0.0)
        self._judging = Judging(self._cache, UnknownPolicy(on_unknown), gated=True, recorded=False)
        self._judging.catalog = self._catalog
        self._states: dict[str, dict[str, tuple[str, str | None]]] = {}
        self._versions: dict[str, int] = {}
        self._mode = "enforce"
        self._lost = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        return None

    async def start(self) -> None:
        """There is nothing to start."""

    async def close(self) -> None:
        """There is nothing to close."""

    def grant(self, org: str | int, *keys: str) -> Self:
        """The org may use these keys; a module brings its submodules."""
        return self._set(org, keys, "enabled", None)

    def trial(self, org: str | int, *keys: str) -> Self:
        """The org tries these keys out."""
        return self._set(org, keys, "trial", None)

    def deny(self, org: str | int, *keys: str, denied_by: str = "not_granted") -> Self:
        """The org may not use these keys."""
        return self._set(org, keys, "disabled", denied_by)

    def gate(self, mode: str) -> Self:
        """The rollout's mode for everybody: `off`, `shadow` or `enforce`."""
        self._mode = mode
        return self

    def lose_the_ledger(self) -> Self:
        """From now on nobody can tell."""
        self._lost = True
        return self

    def find_the_ledger(self) -> Self:
        """From now on one can tell again."""
        self._lost = False
        return self

    async def check(
        self,
        org: str | int,
        key: str,
        permission: str | None = None,
        principal: Principal | None = None,
        *,
        min_version: int = 0,
    ) -> Decision:
        """See `Entitlements.check`."""
        return self._judged(Question(str(org), key, permission, principal, min_version))

    async def allowed(
        self,
        org: str | int,
        key: str,
        permission: str | None = None,
        principal: Principal | None = None,
    ) -> bool:
        """See `Entitlements.allowed`."""
        return (await self.check(org, key, permission, principal)).allowed

    def check_at_once(
        self,
        org: str,
        raw: str,
        permission: str | None = None,
        principal: Principal | None = None,
        min_version: int = 0,
    ) -> Decision | None:
        """See `Entitlements.check_at_once`."""
        return self._judged(Question(org, raw, permission, principal, min_version))

    def allowed_at_once(
        self, org: str, raw: str, permission: str | None, principal: Principal | None
    ) -> bool:
        """See `Entitlements.allowed_at_once`."""
        decision = self._decided(Question(org, raw, permission, principal))
        return decision.allowed and self._judging.counted(decision).allowed

    def _judged(self, question: Question) -> Decision:
        return self._judging.counted(self._decided(question))

    def _decided(self, question: Question) -> Decision:
        judging = self._judging
        if self._lost:
            return judging.unknown(question, OutOfReach("the test says so"))
        try:
            snapshot = self._snapshot(org_id(question.org))
        except InvalidOrgId:
            return judging.nowhere(question)
        era, now = self._cache.era, self._cache.clock.monotonic()
        entry = self._cache.fill(snapshot, era=era, asked_at=now)
        assert entry is not None
        return judging.judged(question, entry)

    async def require_keys(self, asked: Mapping[str, Iterable[str]]) -> bool:
        """See `Entitlements.require_keys`."""
        self._catalog.require(asked)
        return True

    def metrics(self) -> dict[str, float]:
        """See `Entitlements.metrics`."""
        return self._judging.counters.metrics(discarded=0)

    def _set(self, org: str | int, keys: Iterable[str], state: str, reason: str | None) -> Self:
        self._catalog.require({key: ["a test"] for key in keys})
        name = org_id(org)
        states = self._states.setdefault(name, {})
        for each in keys:
            key = self._catalog.resolve(each) or each
            states |= {
                other: (state, reason) for other in self._catalog.places if _below(other, key)
            }
        self._versions[name] = self._versions.get(name, 1) + 1
        return self

    def _snapshot(self, org: str) -> Snapshot:
        said = self._states.get(org, {})
        states: dict[str, str] = {}
        denied_by: dict[str, str] = {}
        for key in self._catalog.places:
            exempt = key in self._catalog.exempt
            state, reason = said.get(key, ("enabled" if exempt else "disabled", "not_granted"))
            states[key] = state
            if state == "disabled":
                denied_by[key] = reason or "not_granted"
        return Snapshot.read(self._document(org, states, denied_by), catalog=self._catalog)

    def _document(
        self, org: str, states: dict[str, str], denied_by: dict[str, str]
    ) -> dict[str, Any]:
        return {
            "org_id": org_json(org),
            "org_version": self._versions.get(org, 1),
            "position": sum(self._versions.values()) + 1,
            "ledger_epoch": 1,
            "catalog_version": self._catalog.version,
            "rollout_version": 0,
            "evaluated_at": text_of(time.time()),
            "next_boundary": None,
            "gating": {"default": self._mode, "modules": {}},
            "states": states,
            "denied_by": denied_by,
        }


def _below(key: str, module_or_key: str) -> bool:
    return key == module_or_key or module_of(key) == module_or_key
