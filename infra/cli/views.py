"""`entitlements views`: whether the views are what the log says, and making them so."""

from typing import TYPE_CHECKING, Any

import click

from infra.cli.options import dry_run_option
from infra.cli.output import json_option, print_json, show
from infra.cli.usage import example

if TYPE_CHECKING:
    from infra.cli.rebuilding import AuditRebuilt, Everything, Status
    from projections.rebuild import Rebuilt


@click.group(epilog=example("entitlements views status", "entitlements views rebuild --dry-run"))
def views() -> None:
    """Compare the views with the log, and rebuild them from it.

    Two are written with every append: current and legacy. audit follows the log.
    """


@views.command(
    epilog=example(
        "entitlements views rebuild",
        "entitlements views rebuild --view audit",
        "entitlements views rebuild --org 42 --dry-run",
    )
)
@click.option(
    "--view", type=click.Choice(["current", "legacy", "audit"]), help="One view; absent: all."
)
@click.option("--org", help="Only this organisation, in current and legacy; absent: all of them.")
@dry_run_option
@json_option
@click.pass_context
def rebuild(
    context: click.Context, *, view: str | None, org: str | None, dry_run: bool, as_json: bool
) -> None:
    """Make the views what the log adds up to, byte for byte.

    In current and legacy only the rows that differ are rewritten; audit is dropped and made again.
    Nothing is published, and appends go on meanwhile. With --dry-run, exit 1 where rows differ.
    """
    from infra.cli.rebuilding import rebuilt

    if view == "audit" and org is not None:
        raise click.UsageError("--org goes with current and legacy: audit is rebuilt as a whole.")
    found = rebuilt(view=view, org=org, dry_run=dry_run)
    if as_json:
        print_json(_document(found, dry_run=dry_run))
    else:
        _print(found, dry_run=dry_run)
    unreadable = found.inline is not None and found.inline.unreadable
    context.exit(1 if unreadable or (dry_run and found.differs) else 0)


@views.command(epilog=example("entitlements views status"))
@json_option
@click.pass_context
def status(context: click.Context, *, as_json: bool) -> None:
    """Count the rows of each view, and tell how far audit lags.

    Exit 1 where rows are missing, behind or nobody's; a view that only lags will catch up.
    """
    from infra.cli.rebuilding import view_status

    found = view_status()
    if as_json:
        print_json(_status(found))
    else:
        _print_status(found)
    context.exit(1 if found.broken else 0)


def _status(found: "Status") -> dict[str, Any]:
    return {
        "position": found.position,
        "views": [row._asdict() for row in found.inline],
        "following": [
            {
                "view": view.view,
                "position": view.position,
                "lag_events": view.lag_events,
                "projection_lag_seconds": round(view.lag_seconds, 3),
            }
            for view in found.following
        ],
        "audit_rows": found.audit_rows,
    }


def _print_status(found: "Status") -> None:
    from infra.cli.tables import table

    show(f"The log ends at position {found.position}.")
    counts = ("rows", "missing", "behind", "strays")
    inline = [(row.view, *map(str, row[1:])) for row in found.inline]
    show(table("view", *counts, rows=inline, right=counts), "")
    lags = ("position", "lag in events", "lag in seconds")
    following = [
        (view.view, str(view.position), str(view.lag_events), f"{view.lag_seconds:.3f}")
        for view in found.following
    ]
    show(table("view", *lags, rows=following, right=lags))
    if found.broken:
        show("Mend them: entitlements views rebuild")


def _document(found: "Everything", *, dry_run: bool) -> dict[str, Any]:
    document: dict[str, Any] = {"dry_run": dry_run}
    if found.inline is not None:
        names = ("events", "compared", "rewritten", "dropped", "differing", "unreadable")
        document |= {name: getattr(found.inline, name) for name in names}
    if found.audit is not None:
        document["audit"] = {"events": found.audit.events, "differing": found.audit.differing}
    return document


def _print(found: "Everything", *, dry_run: bool) -> None:
    if found.inline is not None:
        _print_inline(found.inline, dry_run=dry_run)
    if found.audit is not None:
        _print_audit(found.audit)


def _print_audit(found: "AuditRebuilt") -> None:
    if found.differing is None:
        show(f"audit: dropped and made again from {found.events} events.")
    else:
        show(f"audit: {found.differing} of {found.events} events stand there otherwise.")


def _print_inline(found: "Rebuilt", *, dry_run: bool) -> None:
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
