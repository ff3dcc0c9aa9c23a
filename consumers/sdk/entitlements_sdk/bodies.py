"""The bodies that a guard answers with, made here and nowhere else.

The first six fields of an entitlement's denial and the first four of a permission's are the
contract of the ledger's clients; their order is part of it.
"""

from typing import Any

from entitlements_sdk.decision import Decision


def denial(decision: Decision) -> dict[str, Any]:
    """What stands under `detail` of a 403."""
    if decision.denied_by == "permission":
        return _permission_denied(decision)
    lapsed = decision.denied_by == "trial_expired"
    return {
        "error_type": "entitlement_denied",
        "module_key": decision.module,
        "submodule_key": decision.submodule,
        "status": "trial_expired" if lapsed else "disabled",
        "reason": decision.reason,
        "message": (
            f"Organization does not have access to module '{decision.module}'. {decision.reason}"
        ),
        "code": decision.code,
        "denied_by": decision.denied_by,
        "decision_id": decision.decision_id,
        "org_version": decision.org_version,
        "evaluated_at": decision.evaluated_at,
    }


def unavailable(decision: Decision) -> dict[str, Any]:
    """What stands under `detail` of a 503."""
    return {
        "error_type": "entitlement_unavailable",
        "module_key": decision.module,
        "submodule_key": decision.submodule,
        "reason": decision.reason,
        "message": f"Whether module '{decision.module}' may be used cannot be told at the moment.",
        "code": decision.code,
        "decision_id": decision.decision_id,
    }


def _permission_denied(decision: Decision) -> dict[str, Any]:
    if decision.code == "org_mismatch":
        lacking = "User does not have access to this organization."
    else:
        lacking = f"User does not have required permission '{decision.permission}'."
    return {
        "error_type": "permission_denied",
        "permission": decision.permission,
        "reason": decision.reason,
        "message": f"{lacking} {decision.reason}",
        "code": decision.code,
        "denied_by": decision.denied_by,
        "decision_id": decision.decision_id,
    }
