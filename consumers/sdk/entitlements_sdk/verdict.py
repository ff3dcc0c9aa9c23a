"""The decision as a table: the same one the ledger holds, driven by the same vectors.

    known key → exempt kind → rollout mode → effective state → super-admin bypass
              → RBAC permission → org isolation

Where both axes fail, the entitlement's denial is reported.
"""

from functools import lru_cache
from typing import Literal, NamedTuple

Mode = Literal["off", "shadow", "enforce"]

EXEMPT, ENABLED, TRIAL = range(3)
DISABLED_BY = (
    "not_granted",
    "trial_expired",
    "grant_expired",
    "not_yet_active",
    "revoked",
    "parent_disabled",
    "blocked",
    "unknown_key",
    "unknown_org",
)
DENIED = {reason: place for place, reason in enumerate(DISABLED_BY, start=TRIAL + 1)}
UNKNOWN_KEY, UNKNOWN_ORG = DENIED["unknown_key"], DENIED["unknown_org"]
_STATUSES = ("enabled", "enabled", "trial", *("disabled" for _ in DISABLED_BY))
_REASONS = (None, None, None, *DISABLED_BY)


class Verdict(NamedTuple):
    """What a question comes to.

    `status` is the effective state whatever is allowed. `code` says which step decided:
    `entitled`, `exempt`, `gating_off`, `gating_shadow`, `bypass`, `unknown_allowed`, or of denials
    `entitlement_denied`, `permission_denied`, `org_mismatch`, `entitlement_unavailable`.
    `would_deny` is the denial that shadow mode let pass; `bypassable` marks one that a super admin
    may set aside once that has been recorded.
    """

    allowed: bool
    status: str
    denied_by: str | None
    code: str
    would_deny: str | None = None
    bypassable: bool = False


UNAVAILABLE = Verdict(False, "unknown", None, "entitlement_unavailable")
UNKNOWN_ALLOWED = Verdict(True, "unknown", None, "unknown_allowed")


@lru_cache(maxsize=4096)
def judge(
    cell: int,
    mode: str = "enforce",
    super_admin: bool = False,
    permitted: bool | None = None,
    own: bool = True,
) -> Verdict:
    """The verdict.

    Args:
        cell: what the entitlements say of the key, one of the numbers above.
        mode: the rollout's, for the org and the module.
        super_admin: whether the caller is one.
        permitted: whether the caller has the permission; None where none was asked about.
        own: whether the caller may act in the org at all.
    """
    status, reason = _STATUSES[cell], _REASONS[cell]
    if cell == UNKNOWN_KEY:
        return Verdict(False, status, reason, "entitlement_denied")
    code, would_deny = _entitlement(cell, mode)
    if code == "entitlement_denied":
        bypassable = super_admin and cell != UNKNOWN_ORG
        return Verdict(False, status, reason, code, bypassable=bypassable)
    return second_axis(Verdict(True, status, None, code, would_deny), permitted=permitted, own=own)


def second_axis(verdict: Verdict, *, permitted: bool | None, own: bool) -> Verdict:
    """What is left of an entitlement once permission and org isolation have had their say."""
    if permitted is False:
        return verdict._replace(allowed=False, denied_by="permission", code="permission_denied")
    if not own:
        return verdict._replace(allowed=False, denied_by="permission", code="org_mismatch")
    return verdict


def _entitlement(cell: int, mode: str) -> tuple[str, str | None]:
    if cell == EXEMPT:
        return "exempt", None
    if mode == "off":
        return "gating_off", None
    if _REASONS[cell] is None:
        return "entitled", None
    if mode == "shadow":
        return "gating_shadow", _REASONS[cell]
    return "entitlement_denied", None
