"""`entitlements org propagation`: which subscribers have a version of an organisation."""

from typing import TYPE_CHECKING

import click

from infra.cli.output import json_option, print_json, show
from infra.cli.usage import example
from infra.cli.work import over_ledger

if TYPE_CHECKING:
    from infra.wiring import Parts
    from projections.receipts import Propagation


@click.command(
    epilog=example("entitlements org propagation 42", "entitlements org propagation 42 --version 7")
)
@click.argument("org")
@click.option("--version", type=click.IntRange(min=0), help="Default: the present version.")
@json_option
@click.pass_context
def propagation(context: click.Context, *, org: str, version: int | None, as_json: bool) -> None:
    """Show which subscribers have its newest state.

    As far as they have reported. Exit 1 where somebody is behind.
    """
    from domain.ids import org_id
    from domain.refusals import UnknownOrg
    from projections.receipts import propagation_of

    named = org_id(org)

    async def ask(parts: "Parts") -> "Propagation":
        async with parts.ledger.reading() as connection:
            found = await propagation_of(connection, named)
        if found is None:
            raise UnknownOrg(named)
        return found

    found = over_ledger(ask)
    wanted = found.version if version is None else version
    if as_json:
        print_json(_document(found, wanted))
    else:
        _print(found, wanted)
    context.exit(1 if found.behind(wanted) else 0)


def _document(found: "Propagation", wanted: int) -> dict[str, object]:
    from domain.instants import iso

    return {
        "version": wanted,
        "org_version": found.version,
        "ledger_epoch": found.epoch,
        "published": found.published,
        "behind": found.behind(wanted),
        "subscribers": [
            receipt._asdict() | {"reported_at": iso(receipt.reported_at)}
            for receipt in found.receipts
        ],
    }


def _print(found: "Propagation", wanted: int) -> None:
    from domain.instants import iso
    from infra.cli.tables import table

    published = {True: "published", False: "not published yet", None: "no Kafka"}[found.published]
    show(f"Version {found.version} ({published}), epoch {found.epoch}.")
    behind = found.behind(wanted)
    rows = [
        (r.subscriber, str(r.version or ""), iso(r.reported_at), "behind" if late else "")
        for r in found.receipts
        for late in [r.subscriber in behind]
    ]
    if rows:
        show(table("subscriber", "version", "reported", "", rows=rows))
    else:
        show("Nobody has reported anything.")
