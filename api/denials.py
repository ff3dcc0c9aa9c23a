"""The bodies that a guard answers a denial with, made here and nowhere else.

The first six, or three, fields are the seed's; their order is part of the contract.
"""

from typing import Any

from domain.catalog import Key, module_of
from domain.decision import Verdict

_REASONS = {
    "not_granted": "The module is not part of what the organization has.",
    "trial_expired": "The trial has ended.",
    "grant_expired": "The access has ended.",
    "not_yet_active": "The access has not begun yet.",
    "revoked": "The access was revoked.",
    "parent_disabled": "The module that the submodule belongs to is disabled.",
    "blocked": "The access is blocked.",
    "unknown_key": "The catalog has no such module.",
    "unknown_org": "The organization is not registered.",
}
_NOT_HELD = "Neither the caller nor the caller's role has it."
_ELSEWHERE = "The caller belongs to another organization."


def reason_of(denied_by: str, code: str) -> str:
    """Why something is denied, as a sentence."""
    if denied_by == "permission":
        return _ELSEWHERE if code == "org_mismatch" else _NOT_HELD
    return _REASONS[denied_by]


def denial(
    verdict: Verdict,
    key: Key,
    *,
    permission: str | None,
    decision_id: str,
    org_version: int,
    evaluated_at: str,
) -> dict[str, Any]:
    """The body of a 403 for a verdict that does not allow."""
    assert not verdict.allowed
    assert verdict.denied_by is not None
    if verdict.denied_by == "permission":
        return _not_permitted(verdict, permission, decision_id=decision_id)
    module, _, submodule = key.partition(".")
    reason = _REASONS[verdict.denied_by]
    return {
        "detail": {
            "error_type": "entitlement_denied",
            "module_key": module_of(key),
            "submodule_key": submodule or None,
            "status": "trial_expired" if verdict.denied_by == "trial_expired" else "disabled",
            "reason": reason,
            "message": f"Organization does not have access to module '{module}'. {reason}",
            "code": verdict.code,
            "denied_by": verdict.denied_by,
            "decision_id": decision_id,
            "org_version": org_version,
            "evaluated_at": evaluated_at,
        }
    }


def _not_permitted(verdict: Verdict, permission: str | None, *, decision_id: str) -> dict[str, Any]:
    if verdict.code == "org_mismatch":
        reason = _ELSEWHERE
        message = f"User does not have access to this organization. {reason}"
    else:
        reason = _NOT_HELD
        message = f"User does not have required permission '{permission}'. {reason}"
    return {
        "detail": {
            "error_type": "permission_denied",
            "permission": permission,
            "reason": reason,
            "message": message,
            "code": verdict.code,
            "denied_by": verdict.denied_by,
            "decision_id": decision_id,
        }
    }
