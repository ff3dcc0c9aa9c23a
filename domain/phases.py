"""The rollout plan as data: each step with its goals, tasks, criteria and what it sets.

Source: `rollout-plan.md`, "Rollout Phases" and "Sign-off".
"""

from dataclasses import dataclass
from typing import Literal, get_args

from domain.gating import EVERYBODY, Mode
from domain.messages import EARLY_ACCESS, POST_ROLLOUT, PRE_ROLLOUT, Message

Role = Literal[
    "engineering_lead", "product_manager", "devops_lead", "support_lead", "security_lead"
]
ROLES: tuple[Role, ...] = get_args(Role)
ANSWERS_FOR: dict[Role, str] = {
    "engineering_lead": "code quality, test coverage",
    "product_manager": "feature completeness, user impact",
    "devops_lead": "infrastructure readiness, monitoring",
    "support_lead": "team training, escalation procedures",
    "security_lead": "audit logging, bypass controls",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of the plan; entering it sets `share` and `default`, None leaves them.

    `share` is in hundredths of a percent. `usual_hours` is shown, never enforced.
    """

    key: str
    title: str
    share: int | None = None
    default: Mode | None = None
    usual_hours: tuple[int, int] | None = None
    goals: tuple[str, ...] = ()
    tasks: tuple[str, ...] = ()
    success_criteria: tuple[str, ...] = ()
    rollback_triggers: tuple[str, ...] = ()
    message: Message | None = None


_GRADUAL_CRITERIA = (
    "less than 0.1 % unexpected 403 errors",
    "no performance degradation",
    "user satisfaction maintained",
    "support ticket volume normal",
)
_GRADUAL_TRIGGERS = (
    "more than 1 % unexpected 403 errors",
    "API response time more than 2 × the baseline",
    "critical bugs affecting core functionality",
    "high volume of support tickets",
)

STEPS: tuple[Step, ...] = (
    Step(
        key="0",
        title="Pre-rollout: preparation",
        usual_hours=(72, 120),
        goals=(
            "code complete and tested",
            "database migrations applied",
            "documentation reviewed",
            "rollback plan ready",
        ),
        tasks=(
            "run all unit tests",
            "run integration tests",
            "test module selection flows",
            "verify API contract compatibility",
            "review and approve documentation",
            "prepare the rollback",
            "brief the support team",
            "create monitoring dashboards",
        ),
        success_criteria=(
            "all tests passing",
            "no breaking API changes",
            "documentation approved",
            "team trained",
        ),
        message=PRE_ROLLOUT,
    ),
    Step(
        key="1",
        title="Deployed with gating off",
        share=0,
        default="off",
        usual_hours=(24, 48),
        goals=(
            "deploy safely without changing behaviour",
            "verify deployment stability",
            "validate that the API endpoints exist and respond",
        ),
        tasks=(
            "deploy with gating off",
            "run smoke tests on production",
            "verify that existing functionality is unaffected",
            "check logs for errors",
            "monitor performance metrics",
        ),
        success_criteria=(
            "zero increase in error rate after deployment",
            "all smoke tests passing",
            "no performance regression",
        ),
        rollback_triggers=(
            "deployment failures",
            "increased error rate",
            "API unavailability",
        ),
    ),
    Step(
        key="2",
        title="Watched everywhere, enforced for test organisations",
        share=0,
        default="shadow",
        usual_hours=(72, 120),
        goals=(
            "test full enforcement in a safe environment",
            "validate module selection flows",
            "test all exceptions",
            "gather metrics on enforcement behaviour",
        ),
        tasks=(
            "force enforcement for organisations of development and staging",
            "create test organisations with various modules",
            "test module selection",
            "test the super-admin bypass",
            "test always-on modules (email)",
            "test RBAC-only modules (settings)",
            "verify the format of error responses",
            "test cache invalidation",
        ),
        success_criteria=(
            "all test scenarios pass",
            "no unexpected 403 errors on always-on modules",
            "super-admin bypass working",
            "module selection reflected correctly",
            "error responses match the specification",
        ),
        rollback_triggers=(
            "critical bugs discovered",
            "unexpected behaviour in enforcement",
            "performance degradation",
        ),
    ),
    Step(
        key="3a",
        title="Enforced for 5 % of organisations",
        share=500,
        default="shadow",
        usual_hours=(24, 72),
        goals=("enable enforcement in production with minimal risk",),
        tasks=(
            "choose the first organisations: internal, early adopters, simple configurations",
            "monitor for 24 hours",
            "collect user feedback",
            "review metrics",
        ),
        success_criteria=_GRADUAL_CRITERIA,
        rollback_triggers=_GRADUAL_TRIGGERS,
        message=EARLY_ACCESS,
    ),
    Step(
        key="3b",
        title="Enforced for 25 % of organisations",
        share=2_500,
        default="shadow",
        usual_hours=(48, 72),
        goals=("gather production metrics",),
        tasks=("monitor for 48 hours", "review accumulated metrics", "adjust if needed"),
        success_criteria=_GRADUAL_CRITERIA,
        rollback_triggers=_GRADUAL_TRIGGERS,
        message=EARLY_ACCESS,
    ),
    Step(
        key="3c",
        title="Enforced for all organisations",
        share=EVERYBODY,
        default="shadow",
        usual_hours=(72, 120),
        goals=("validate with real users",),
        tasks=("monitor for 72 hours", "issue the all-clear, or roll back"),
        success_criteria=_GRADUAL_CRITERIA,
        rollback_triggers=_GRADUAL_TRIGGERS,
        message=POST_ROLLOUT,
    ),
    Step(
        key="4",
        title="Post-rollout: optimisation",
        goals=(
            "optimise based on real-world data",
            "fine-tune cache settings",
            "document learnings",
            "plan future enhancements",
        ),
        tasks=(
            "analyse enforcement patterns",
            "optimise the cache TTL based on usage",
            "review and update documentation",
            "conduct a retrospective",
            "plan the deprecation of legacy enabled_modules",
        ),
        success_criteria=(
            "legacy enabled_modules deprecated",
            "documentation complete",
            "team trained on the new system",
            "monitoring dashboards in use",
        ),
    ),
)
BY_KEY: dict[str, Step] = {step.key: step for step in STEPS}
FIRST = STEPS[0]


def following(step: str) -> Step | None:
    """The step after `step`, None after the last."""
    place = STEPS.index(BY_KEY[step]) + 1
    return STEPS[place] if place < len(STEPS) else None
