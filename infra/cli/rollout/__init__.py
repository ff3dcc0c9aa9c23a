"""`entitlements rollout`: who is gated, and going back."""

import click

from infra.cli.rollout.changes import advance, kill, resume, rollback, set_rules, sign_off
from infra.cli.rollout.messages import messages
from infra.cli.rollout.readiness import readiness
from infra.cli.rollout.reads import cohort, history, status
from infra.cli.usage import example


@click.group(
    epilog=example(
        "entitlements rollout status",
        'entitlements rollout set --percent 5 --reason "Step 3a, agreed on Monday"',
        'entitlements rollout kill --reason "403 spike in production"',
    )
)
def rollout() -> None:
    """Who is gated, step by step, and going back in seconds."""


for _command in (
    status,
    set_rules,
    kill,
    resume,
    rollback,
    sign_off,
    advance,
    readiness,
    cohort,
    messages,
    history,
):
    rollout.add_command(_command)
