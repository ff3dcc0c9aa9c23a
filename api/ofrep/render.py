"""A decision as a flag: what it comes to, by which rule, and what may be told of it."""

from typing import Any

_TOLD = ("status", "code", "denied_by", "would_deny")
_OF_ONE = ("decision_id", "catalog_version", "rollout_version", "evaluated_at", "not_after")


def flag(key: str, decision: dict[str, Any], *, alone: bool = False) -> dict[str, Any]:
    """The flag of a key; one that was asked for alone says more of its decision."""
    names = _TOLD + _OF_ONE if alone else _TOLD
    told = {name: decision[name] for name in names if decision[name] is not None}
    if alone and decision["stale"]:
        told["stale"] = True
    return {
        "key": key,
        "value": decision["allowed"],
        "reason": _reason(decision["code"]),
        "variant": _variant(decision),
        "metadata": told,
    }


def _reason(code: str) -> str:
    if code == "exempt":
        return "STATIC"
    return "DISABLED" if code in ("gating_off", "gating_shadow") else "TARGETING_MATCH"


def _variant(decision: dict[str, Any]) -> str:
    if decision["code"] == "exempt":
        return "always_on"
    if decision["allowed"]:
        return "bypass" if decision["status"] == "disabled" else str(decision["status"])
    return "trial_expired" if decision["denied_by"] == "trial_expired" else "disabled"
