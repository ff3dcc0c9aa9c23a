"""`entitlements views`: whether the inline views are what the log says, and making them so."""

from typing import TYPE_CHECKING, Any

import click

from infra.cli.options import dry_run_option
from infra.cli.output import json_option, print_json, show
from infra.cli.usage import example

if TYPE_CHECKING:
    from projections.rebuild import Rebuilt


@click.group(epilog=example("entitlements views status", "entitlements views rebuild --dry-run"))
def views() -> None:
    """Look after the views that are written with every append."""


@views.command(
    epilog=example("entitlements views rebuild", "entitlements views rebuild --org 42 --dry-run")
)
@click.option("--org", help="Only this organisation; all of them if left out.")
@dry_run_option
@json_option
@click.pass_context
def rebuild(context: click.Context, *, org: str | None, dry_run: bool, as_json: bool) -> None:
    """Rewrite every row that is not what the log adds up to.

    Byte for byte, that is. Nothing is published, and appends go on meanwhile. With --dry-run,
    exit 1 where rows differ.
    """
    from infra.cli.rebuilding import rebuilt

    found = rebuilt(org=org, dry_run=dry_run)
    if as_json:
        print_json(_document(found, dry_run=dry_run))
    else:
        _print(found, dry_run=dry_run)
    differs = found.rewritten or found.dropped
    context.exit(1 if found.unreadable or (dry_run and differs) else 0)


@views.command(epilog=example("entitlements views status"))
@json_option
@click.pass_context
def status(context: click.Context, *, as_json: bool) -> None:
    """Count the rows of each view, and those missing or behind.

    Exit 1 where any is.
    """
    from infra.cli.rebuilding import view_status
    from infra.cli.tables import table

    position, found = view_status()
    if as_json:
        rows = [row._asdict() for row in found]
        print_json({"position": position, "views": rows})
    else:
        show(f"The log ends at position {position}.")
        cells = [(row.view, *map(str, row[1:])) for row in found]
        numbers = ("rows", "missing", "behind", "strays")
        show(table("view", *numbers, rows=cells, right=numbers))
    broken = any(row.missing or row.behind or row.strays for row in found)
    if broken and not as_json:
        show("Mend them: entitlements views rebuild")
    context.exit(1 if broken else 0)


def _document(found: "Rebuilt", *, dry_run: bool) -> dict[str, Any]:
    return {
        "dry_run": dry_run,
        "events": found.events,
        "compared": found.compared,
        "rewritten": found.rewritten,
        "dropped": found.dropped,
        "differing": found.differing,
        "unreadable": found.unreadable,
    }


def _print(found: "Rebuilt", *, dry_run: bool) -> None:
    would = "would be " if dry_run else ""
    show(
        f"{found.events} events folded, {found.compared} organisations compared: "
        f"{found.rewritten} {would}rewritten, {found.dropped} {would}dropped."
    )
    if found.differing:
        show(f"Differing: {_first(found.differing)}")
    if found.unreadable:
        show(f"Left as they are, because a newer version wrote to them: {_first(found.unreadable)}")
    if found.rewritten and not dry_run:
        show("Servers that run may serve what they read before for as long as their cache lives.")


def _first(orgs: list[Any], *, most: int = 20) -> str:
    rest = len(orgs) - most
    return ", ".join(orgs[:most]) + (f" and {rest} more (--json lists all)" if rest > 0 else "")
