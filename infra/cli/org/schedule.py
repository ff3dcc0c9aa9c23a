"""`entitlements org pending` and `cancel-scheduled`: what is to come, and letting it not come."""

from typing import TYPE_CHECKING, Any

import click

from infra.cli.options import Terms, terms_options
from infra.cli.output import json_option, plain, print_json, show
from infra.cli.usage import example
from infra.cli.work import over_ledger

if TYPE_CHECKING:
    from infra.asof import Moment
    from infra.wiring import Parts


@click.command(
    "pending",
    epilog=example("entitlements org pending 42", "entitlements org pending 42 --json"),
)
@click.argument("org")
@json_option
def pending(*, org: str, as_json: bool) -> None:
    """List what will begin or end by itself.

    When, what it changes, who scheduled it and why.
    """
    from api.render_pending import pending_change
    from domain.ids import org_id, org_json
    from domain.instants import iso
    from domain.pending import pending as still_to_come
    from infra.asof import moment

    named = org_id(org)

    async def read(parts: "Parts") -> "Moment":
        return await moment(parts, named, at=None, known_at=None)

    point = over_ledger(read)
    coming = still_to_come(point.history, point.catalog, at=point.at)
    found = [pending_change(change) for change in coming]
    if not as_json:
        _print(named, found)
        return
    print_json(
        {
            "org_id": org_json(named),
            "org_version": point.history.version,
            "catalog_version": point.catalog.version,
            "evaluated_at": iso(point.at),
            "pending": found,
        }
    )


def _print(org: str, found: list[dict[str, Any]]) -> None:
    from infra.cli.tables import table

    if not found:
        show(f"Nothing is scheduled for organisation {org}.")
        return
    rows = [
        (
            change["at"],
            change["kind"].replace("_", " "),
            change["key"] or "everything",
            change["source"] or change["category"],
            _outcome(change),
            change["change_id"] if change["cancellable"] else "-",
        )
        for change in found
    ]
    show(table("at", "what", "key", "source", "changes", "change id", rows=rows))
    for change in found:
        show(
            f"{change['at']} {change['kind'].replace('_', ' ')}: #{change['position']} "
            f"by {plain(change['actor'])}: {plain(change['reason'])}"
        )
        show(f"  {_way_out(org, change)}")


def _way_out(org: str, change: dict[str, Any]) -> str:
    """The command that stops a change, or moves it where nothing stops it."""
    if change["cancellable"]:
        words = f"cancel-scheduled {org} --change-id {change['change_id']}"
        return f'To stop it: entitlements org {words} --reason "..."'
    if change["kind"] == "trial_ends":
        words = f"trial extend {org} --key {change['key']} --by-days 7"
        return f'To put it off: entitlements org {words} --reason "..."'
    return "It goes with the start of what takes over then."


def _outcome(change: dict[str, Any]) -> str:
    """What becomes of the key itself; of a whole organisation, how many keys change."""
    states = change["states"]
    if change["key"] in states:
        return "{from} → {to}".format(**states[change["key"]])
    return f"{len(states)} keys" if states else "nothing"


@click.command(
    "cancel-scheduled",
    epilog=example(
        "entitlements org cancel-scheduled 42 --change-id 4f0c0c5b6f1e5b3c8b0a6d7c9e2f1a3b \\",
        '  --reason "They renewed after all"',
    ),
)
@click.argument("org")
@click.option("--change-id", required=True, help="The change, as 'org pending' names it.")
@terms_options
@json_option
def cancel_scheduled(*, org: str, terms: Terms, as_json: bool, **fields: Any) -> None:
    """Cancel a scheduled change before its instant."""
    from api.bodies import CancelScheduledBody
    from infra.cli.org.order import carry_out

    carry_out(CancelScheduledBody, org, fields, terms=terms, as_json=as_json)
