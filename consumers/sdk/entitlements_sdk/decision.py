"""The answer to one check, with everything it rests on."""

from typing import Any
from uuid import uuid4

from entitlements_sdk.catalog import module_of
from entitlements_sdk.decision_ids import Asked, decision_id, unknown
from entitlements_sdk.instants import text_of
from entitlements_sdk.org_ids import org_json
from entitlements_sdk.snapshot import Snapshot
from entitlements_sdk.verdict import Verdict


class Decision:
    """Whether somebody may use a key, and why; true where it is allowed.

    Attributes:
        allowed: what the caller should go by.
        status: the effective state, `enabled`, `trial` or `disabled`; `unknown` where the ledger
            could not be asked.
        denied_by: `not_granted`, `trial_expired`, `grant_expired`, `not_yet_active`, `revoked`,
            `parent_disabled`, `blocked`, `unknown_key`, `unknown_org` or `permission`.
        code: the step that decided, see `Verdict`.
        would_deny: the denial that shadow mode let pass.
        org, key, permission: what was asked.
        reason: one sentence on why not, or why in spite of it.
        evaluated_at, not_after: RFC 3339; the answer holds from the one up to, not including, the
            other. `not_after` is None where nothing is known.
        stale: whether this is the last known good, because the ledger could not be asked.
        retry_after: seconds after which asking again makes sense, where `unavailable`.
    """

    __slots__ = (
        "_asked",
        "_at",
        "_id",
        "_not_after",
        "_reason",
        "_snapshot",
        "_verdict",
        "allowed",
        "key",
        "permission",
        "retry_after",
        "stale",
    )

    def __init__(  # noqa: PLR0917 - made at every check: naming arguments costs more than making it
        self,
        verdict: Verdict,
        snapshot: Snapshot,
        key: str,
        permission: str | None,
        at: float,
        not_after: float | None,
        asked: Asked | None,
        stale: bool = False,
        reason: str | None = None,
        retry_after: float = 0.0,
    ) -> None:
        self._verdict = verdict
        self._snapshot = snapshot
        # A clock that is behind the ledger's is told by what the ledger said itself.
        self._at = max(snapshot.evaluated_at, at)
        self._not_after = not_after
        self._asked = asked
        self._reason = reason
        self._id: str | None = None
        self.allowed = verdict.allowed
        self.key = key
        self.permission = permission
        self.stale = stale
        self.retry_after = retry_after

    def __bool__(self) -> bool:
        return self.allowed

    def __repr__(self) -> str:
        return f"Decision({self.org!r}, {self.key!r}, allowed={self.allowed}, code={self.code!r})"

    @property
    def status(self) -> str:
        return self._verdict.status

    @property
    def denied_by(self) -> str | None:
        return self._verdict.denied_by

    @property
    def code(self) -> str:
        return self._verdict.code

    @property
    def would_deny(self) -> str | None:
        return self._verdict.would_deny

    @property
    def bypassable(self) -> bool:
        return self._verdict.bypassable

    @property
    def unavailable(self) -> bool:
        """Whether this denies only because nobody can tell: a 503, never a 403."""
        return self._verdict.code == "entitlement_unavailable"

    @property
    def org(self) -> str:
        return self._snapshot.org

    @property
    def module(self) -> str:
        return module_of(self.key)

    @property
    def submodule(self) -> str | None:
        return self.key.partition(".")[2] or None

    @property
    def org_version(self) -> int:
        return self._snapshot.version

    @property
    def catalog_version(self) -> int:
        return self._snapshot.catalog_version

    @property
    def rollout_version(self) -> int:
        return self._snapshot.rollout_version

    @property
    def evaluated_at(self) -> str:
        return text_of(self._at)

    @property
    def not_after(self) -> str | None:
        return None if self._not_after is None else text_of(self._not_after)

    @property
    def decision_id(self) -> str:
        """Names this decision; the ledger can replay one that was made from what it said."""
        if self._id is None:
            self._id = self._made_id()
        return self._id

    @property
    def reason(self) -> str:
        """One sentence on why not; empty where nothing stands against it."""
        if self._reason is not None:
            return self._reason
        return REASONS.get(
            (self.denied_by if self.denied_by != "permission" else self.code) or "", ""
        )

    def _made_id(self) -> str:
        if self._asked is None:
            return f"sdk-{uuid4()}"
        place = self._snapshot.places.get(self.key)
        versions = (self.org_version, self.catalog_version, self.rollout_version)
        return decision_id(
            self.org,
            unknown(self.key) if place is None else place,
            versions,
            self.evaluated_at,
            self._asked,
        )

    def replaced(
        self, verdict: Verdict, *, reason: str | None = None, retry_after: float = 0.0
    ) -> "Decision":
        """The same question at the same instant with another verdict."""
        return Decision(
            verdict,
            self._snapshot,
            self.key,
            self.permission,
            self._at,
            self._not_after,
            None,
            self.stale,
            reason,
            retry_after,
        )

    def as_json(self) -> dict[str, Any]:
        """The fields of the ledger's `POST /api/v1/check`, and what was asked."""
        return {
            "org_id": org_json(self.org) if self.org else None,
            "key": self.key,
            "permission": self.permission,
            "allowed": self.allowed,
            "status": self.status,
            "denied_by": self.denied_by,
            "code": self.code,
            "decision_id": self.decision_id,
            "org_version": self.org_version,
            "catalog_version": self.catalog_version,
            "rollout_version": self.rollout_version,
            "evaluated_at": self.evaluated_at,
            "not_after": self.not_after,
            "stale": self.stale,
            "would_deny": self.would_deny,
            "bypassable": self.bypassable,
        }


# In the ledger's own words, so that a denial reads alike wherever it was made.
REASONS = {
    "not_granted": "The module is not part of what the organization has.",
    "trial_expired": "The trial has ended.",
    "grant_expired": "The access has ended.",
    "not_yet_active": "The access has not begun yet.",
    "revoked": "The access was revoked.",
    "parent_disabled": "The module that the submodule belongs to is disabled.",
    "blocked": "The access is blocked.",
    "unknown_key": "The catalog has no such module.",
    "unknown_org": "The organization is not registered.",
    "permission_denied": "Neither the caller nor the caller's role has it.",
    "org_mismatch": "The caller belongs to another organization.",
}
