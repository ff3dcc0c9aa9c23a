"""`entitlements org refresh`: let every running process read an organisation anew."""

from typing import TYPE_CHECKING

import click

from infra.cli.output import json_option, print_json, show
from infra.cli.usage import example
from infra.cli.work import over_ledger

if TYPE_CHECKING:
    from infra.wiring import Parts


@click.command(epilog=example("entitlements org refresh 42"))
@click.argument("org")
@json_option
def refresh(*, org: str, as_json: bool) -> None:
    """Let every running server read an organisation anew.

    Nothing of it changes; it is for when you doubt what a server shows.
    """
    from domain.ids import org_id, org_json
    from projections.feed import tell_to_refresh

    named = org_id(org)

    async def tell(parts: "Parts") -> int:
        entry = await parts.table.get(named)
        async with parts.ledger.reading() as connection:
            await tell_to_refresh(connection, named)
        return entry.version

    version = over_ledger(tell)
    if as_json:
        print_json({"org_id": org_json(named), "org_version": version})
    else:
        show(f"Every server that runs reads organisation {named} anew (version {version}).")
