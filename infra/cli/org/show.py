"""`entitlements org show`: what one organisation may use now, and why."""

from datetime import datetime
from typing import TYPE_CHECKING

import click

from infra.cli.history import at_option, known_at_option
from infra.cli.output import json_option, print_json
from infra.cli.usage import example
from infra.cli.work import over_ledger

if TYPE_CHECKING:
    from infra.asof import Moment
    from infra.cli.org.standing import Standing
    from infra.wiring import Parts


@click.command(
    "show",
    epilog=example(
        "entitlements org show 42",
        "entitlements org show 42 --at 2026-01-31T12:00:00Z",
        "entitlements org show 42 --json | jq '.modules[] | select(.status == \"trial\")'",
    ),
)
@click.argument("org")
@click.option("--all", "everything", is_flag=True, help="Show the disabled modules, too.")
@at_option
@known_at_option
@json_option
def show_org(
    *, org: str, everything: bool, at: datetime | None, known_at: datetime | None, as_json: bool
) -> None:
    """Show what an organisation may use, now or then, and why.

    Who granted it and for how long, what is blocked, switched off or still to come.
    """
    from domain.ids import org_id
    from domain.instants import iso
    from infra.asof import moment
    from infra.cli.org.page import print_standing
    from infra.cli.org.standing import document, standing

    named = org_id(org)

    async def read(parts: "Parts") -> "tuple[Standing, Moment | None]":
        if at is not None or known_at is not None:
            point = await moment(parts, named, at=at, known_at=known_at)
            return standing(point.history.org, point.catalog, at=point.at), point
        entry = await parts.table.get(named)
        return standing(entry.org, parts.shelf.catalog, at=parts.clock.now()), None

    found, point = over_ledger(read)
    if as_json:
        known = {"known_at": iso(point.known_at)} if point is not None else {}
        print_json(document(found) | known)
    else:
        print_standing(found, everything=everything, notes=point.notes if point else None)
