"""The decision: may this caller use this key of this org, judged in one fixed order.

    known key → exempt kind → rollout mode → effective state → super-admin bypass
              → RBAC permission → org isolation

What the org's entitlements say of a key at an instant is a cell, one byte (`domain.rows` makes
them). Everything else about a question is a handful of small values, so `judge` is a table that
is filled as it is asked. The SDK holds the same table; `tests/fixtures/decisions.json` drives
both. Source: `semantics.md`, "Decisions".
"""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import NamedTuple, Protocol

from domain.catalog import Key
from domain.gating import MODES, Mode
from domain.ids import OrgId

EXEMPT, ENABLED, TRIAL = range(3)  # never rename: cells stand in decision ids
DISABLED_BY = (  # never reorder: the same
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
CELLS = range(TRIAL + 1 + len(DISABLED_BY))
STATUSES = ("enabled", "enabled", "trial", *("disabled" for _ in DISABLED_BY))
REASONS = (None, None, None, *DISABLED_BY)

EVERYTHING = "*"


class Gating(Protocol):
    """The rollout, as far as a decision needs it."""

    @property
    def version(self) -> int:
        """Which state of the rollout the modes come from."""

    @property
    def uniform(self) -> Mode | None:
        """The mode where it is the same for every org and module, so that nobody need ask."""

    def __call__(self, org: OrgId, module: Key) -> Mode:
        """The mode in which a module is gated for an org."""


class Verdict(NamedTuple):
    """What a question comes to.

    `status` is the effective state whatever is allowed; `code` says which step decided:
    `entitled`, `exempt`, `gating_off`, `gating_shadow`, or of denials `entitlement_denied`,
    `permission_denied`, `org_mismatch`. `would_deny` is the denial that shadow mode let pass;
    `bypassable` marks one that a super admin may set aside once that has been recorded.
    """

    allowed: bool
    status: str
    denied_by: str | None
    code: str
    would_deny: str | None = None
    bypassable: bool = False


@lru_cache(maxsize=4096)
def judge(
    cell: int,
    mode: Mode = "enforce",
    super_admin: bool = False,
    permitted: bool | None = None,
    own: bool = True,
) -> Verdict:
    """The verdict; where both axes fail it is the entitlement's.

    Args:
        cell: what the entitlements say of the key.
        mode: the rollout's, for the org and the module.
        super_admin: whether the caller is one.
        permitted: whether the caller has the permission; None where none was asked about.
        own: whether the caller may act in the org at all.
    """
    status, reason = STATUSES[cell], REASONS[cell]
    if cell == UNKNOWN_KEY:
        return Verdict(False, status, reason, "entitlement_denied")
    code, would_deny = _entitlement(cell, mode)
    if code == "entitlement_denied":
        bypassable = super_admin and cell != UNKNOWN_ORG
        return Verdict(False, status, reason, code, bypassable=bypassable)
    if permitted is False:
        return Verdict(False, status, "permission", "permission_denied", would_deny)
    if not own:
        return Verdict(False, status, "permission", "org_mismatch", would_deny)
    return Verdict(True, status, None, code, would_deny)


def _entitlement(cell: int, mode: Mode) -> tuple[str, str | None]:
    if cell == EXEMPT:
        return "exempt", None
    if mode == "off":
        return "gating_off", None
    if REASONS[cell] is None:
        return "entitled", None
    if mode == "shadow":
        return "gating_shadow", REASONS[cell]
    return "entitlement_denied", None


PLAIN = {mode: tuple(judge(cell, mode) for cell in CELLS) for mode in MODES}
"""The verdicts of questions about an org's entitlements alone, by mode and cell."""


def may_act_in(org: OrgId, *, role: str, own: OrgId | None) -> bool:
    """Org isolation: their own org; any for a super admin and a service held to none."""
    return role == "super_admin" or own == org or (role == "service" and own is None)


def has_permission(
    permission: str | None,
    *,
    role: str,
    permissions: Iterable[str],
    role_permissions: Mapping[str, Iterable[str]],
) -> bool | None:
    """Whether the caller's own permissions, or those of the role, cover one; None for none."""
    if permission is None:
        return None
    return any(covers(held, permission) for held in permissions) or any(
        covers(held, permission) for held in role_permissions.get(role, ())
    )


def covers(held: str, permission: str) -> bool:
    """Whether what is held is the permission itself, `*`, or a `prefix.*` above it."""
    if held.endswith(".*"):
        return permission.startswith(held[:-1]) and len(permission) >= len(held)
    return held in (permission, EVERYTHING)
