"""The command that tells whether more organisations may be enforced."""

from typing import TYPE_CHECKING

import click

from infra.cli.output import json_option, print_json, show
from infra.cli.usage import example
from infra.cli.work import over_ledger

if TYPE_CHECKING:
    from infra.wiring import Parts
    from projections.readiness import NewlyDenied, Readiness

_PAGE = 1_000


@click.command(
    epilog=example(
        "entitlements rollout readiness --percent 25",
        "entitlements rollout readiness --percent 25 --json",
    )
)
@click.option(
    "--percent", type=click.FloatRange(0, 100), required=True, help="The percentage to come."
)
@json_option
@click.pass_context
def readiness(context: click.Context, *, percent: float, as_json: bool) -> None:
    """Tell what speaks against a percentage.

    Names the organisations that would newly be denied what they use, with the last use. Exit 1
    where a threshold of the plan is exceeded, for which going up is refused.
    """
    from dataclasses import replace

    from api.render_readiness import readiness_page
    from api.rollout_bodies import share_of
    from infra.cli.rollout.page import losing, weighed

    share = share_of(percent)

    async def read(parts: "Parts") -> "tuple[Readiness, list[NewlyDenied]]":
        found = await parts.rollouts.readiness(share=share, after="", limit=_PAGE)
        first, orgs = found, [*found.orgs]
        while found.next is not None:
            found = await parts.rollouts.readiness(share=share, after=found.next, limit=_PAGE)
            orgs += found.orgs
        return first, orgs

    found, orgs = over_ledger(read)
    if as_json:
        print_json(readiness_page(replace(found, orgs=orgs, next=None)))
    else:
        show(*weighed(found))
        if orgs:
            show(losing(orgs))
        show(f"{len(orgs)} organisations would newly be denied what they use.")
    context.exit(1 if found.problems else 0)
