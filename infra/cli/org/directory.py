"""`entitlements org register` and `list`."""

from typing import TYPE_CHECKING, Any

import click

from infra.cli.options import Terms, terms_options
from infra.cli.output import json_option, plain, print_json, show
from infra.cli.usage import example
from infra.cli.work import over_ledger

if TYPE_CHECKING:
    from infra.wiring import Parts
    from projections.orgs import OrgRow

NONE_YET = """No organisation is registered yet. Register one:
  entitlements org register 42 --name "Acme" --reason "New customer, contract 7"
or import those of the legacy application:
  entitlements legacy import FILE"""


@click.command(
    epilog=example('entitlements org register 42 --name "Acme" --reason "New customer, contract 7"')
)
@click.argument("org")
@click.option("--name", required=True, help="What people call it.")
@terms_options
@json_option
def register(*, org: str, name: str, terms: Terms, as_json: bool) -> None:
    """Make an organisation known; nothing is granted by that."""
    from infra.cli.org.bodies import RegisterBody
    from infra.cli.org.order import carry_out

    carry_out(RegisterBody, org, {"name": name}, terms=terms, as_json=as_json)


@click.command("list", epilog=example("entitlements org list --search acme"))
@click.option("--search", default="", help="Part of a name, or a whole id.")
@click.option("--after", default="", help="The last id of the page before.")
@click.option(
    "--limit", type=click.IntRange(1, 1000), default=50, show_default=True, help="A page's length."
)
@json_option
def list_orgs(*, search: str, after: str, limit: int, as_json: bool) -> None:
    """List organisations by id, a page at a time."""
    from projections import orgs

    async def read(parts: "Parts") -> "list[OrgRow]":
        async with parts.ledger.reading() as connection:
            return await orgs.list_orgs(connection, search=search, after=after, limit=limit + 1)

    rows = over_ledger(read)
    page, more = rows[:limit], len(rows) > limit
    if as_json:
        print_json(_document(page, more=more))
    elif not page:
        show("No organisation matches." if search or after else NONE_YET)
    else:
        show(_table(page))
        if more:
            show(f"More: entitlements org list --after {page[-1].org}")


def _document(page: "list[OrgRow]", *, more: bool) -> dict[str, Any]:
    from domain.ids import org_json

    rows = [
        {"org_id": org_json(row.org), "name": row.name, "org_version": row.org_version}
        for row in page
    ]
    return {"orgs": rows, "next": page[-1].org if more else None}


def _table(page: "list[OrgRow]") -> Any:
    from infra.cli.tables import table

    rows = [(row.org, plain(row.name), str(row.org_version)) for row in page]
    return table("organisation", "name", "version", rows=rows, right=("version",))
