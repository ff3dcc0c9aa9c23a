"""The rollout as super admins read it."""

from typing import Any

from domain.catalog import Key
from domain.gating import EVERYBODY, Gating
from domain.ids import OrgId, org_json
from domain.phases import ROLES, STEPS, Step, following
from domain.rollout import Rollout


def percent(share: int) -> float:
    """A share as callers write it."""
    return share * 100 / EVERYBODY


def rollout_state(rollout: Rollout, gating: Gating, *, problem: str | None) -> dict[str, Any]:
    """The rules, the plan's progress, and what this process goes by."""
    rules = rollout.gating
    coming = following(rollout.step)
    return {
        "rollout_version": rules.version,
        "killed": rules.killed,
        "percent": percent(rules.share),
        "default": rules.default,
        "exempt_modules": sorted(rules.exempt_modules),
        "exempt_orgs": [org_json(org) for org in sorted(rules.exempt_orgs)],
        "forced_orgs": [
            {"org_id": org_json(org), "mode": mode}
            for org, mode in sorted(rules.forced_orgs.items())
        ],
        "tags": {tag: len(members) for tag, members in sorted(rollout.tags.items())},
        "step": rollout.step,
        "next_step": coming.key if coming else None,
        "missing_sign_offs": _missing(rollout, coming),
        "here": {
            "rollout_version": gating.version,
            "killed": gating.killed or gating.killed_here,
            "killed_here": gating.killed_here,
            "problem": problem,
        },
        "steps": [_step(step, rollout) for step in STEPS],
    }


def ruling(org: OrgId, module: Key | None, gating: Gating) -> dict[str, Any]:
    """How an org is decided, for one module or for any that nothing is said about."""
    found = gating.ruling_of_org(org) if module is None else gating.ruling(org, module)
    return {
        "org_id": org_json(org),
        "module": module,
        "mode": found.mode,
        "rule": found.rule,
        "rollout_version": gating.version,
    }


def _missing(rollout: Rollout, step: Step | None) -> list[str]:
    if step is None:
        return []
    agreed = rollout.signed_off.get(step.key, frozenset())
    return [role for role in ROLES if role not in agreed]


def _step(step: Step, rollout: Rollout) -> dict[str, Any]:
    return {
        "key": step.key,
        "title": step.title,
        "percent": percent(step.share) if step.share is not None else None,
        "default": step.default,
        "usual_hours": step.usual_hours,
        "goals": step.goals,
        "tasks": step.tasks,
        "success_criteria": step.success_criteria,
        "rollback_triggers": step.rollback_triggers,
        "signed_off": sorted(rollout.signed_off.get(step.key, ())),
    }
