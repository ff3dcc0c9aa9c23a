"""The command that writes what a cohort is told, for the mail tool."""

from typing import TYPE_CHECKING

import click

from infra.cli.usage import example
from infra.cli.work import over_ledger

if TYPE_CHECKING:
    from infra.wiring import Parts

_NAMES = ("pre-rollout", "early-access", "post-rollout", "rollback")


@click.command(
    epilog=example(
        "entitlements rollout messages --template early-access --percent 5 > early.csv",
        "entitlements rollout messages --template rollback --tag early --format jsonl",
    )
)
@click.option("--template", type=click.Choice(_NAMES), required=True, help="Which message.")
@click.option("--percent", type=click.FloatRange(0, 100), help="To the organisations within it.")
@click.option("--tag", help="To the organisations that were forced under this name.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["csv", "jsonl"]),
    default="csv",
    show_default=True,
    help="A table, or JSON Lines.",
)
def messages(*, template: str, percent: float | None, tag: str | None, form: str) -> None:
    """Write what a cohort is told, for a mail tool.

    A line has org id, org name, cohort, subject and body. The ledger keeps no addresses: the tool
    that sends knows the people of an organisation.
    """
    from api import render_messages as rendered
    from api.rollout_bodies import share_of
    from domain.messages import message_named

    if (percent is None) == (tag is None):
        raise click.UsageError("Give either --percent or --tag.")
    cohort = rendered.Cohort(share_of(percent) if percent is not None else None, tag)
    message = message_named(template)
    lines = rendered.csv_lines if form == "csv" else rendered.json_lines

    async def write(parts: "Parts") -> None:
        if form == "csv":
            click.echo(rendered.csv_header(), nl=False)
        async for page in rendered.members(parts.rollouts, cohort):
            click.echo(lines(page, message, cohort), nl=False)

    over_ledger(write)
