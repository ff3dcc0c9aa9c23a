"""`entitlements explain` and `entitlements replay`: what was so and why, fit for a ticket."""

from datetime import datetime
from typing import TYPE_CHECKING

import click

from infra.cli.options import Instant
from infra.cli.output import json_option, plain, print_json, show
from infra.cli.usage import example
from infra.cli.work import over_ledger

if TYPE_CHECKING:
    from domain.explain import Explanation
    from domain.history import Recorded
    from infra.asof import Moment
    from infra.wiring import Parts

at_option = click.option("--at", type=Instant(), help="The instant to judge at; absent: now.")
known_at_option = click.option(
    "--known-at", type=Instant(), help="Judge by what had been recorded then; absent: by all."
)


@click.command(
    "explain",
    epilog=example(
        "entitlements explain --org 42 crm",
        "entitlements explain --org 42 crm.lead_management --at 2026-01-31T12:00:00Z",
    ),
)
@click.argument("key")
@click.option("--org", required=True, help="The organisation.")
@at_option
@known_at_option
@json_option
def explain(
    *, key: str, org: str, at: datetime | None, known_at: datetime | None, as_json: bool
) -> None:
    """Say why an organisation may use a key or may not.

    Who decided it, when and why.
    """
    from api.render_history import explanation
    from domain.explain import explain as explained
    from domain.ids import org_id, org_json
    from domain.instants import iso
    from infra.asof import moment

    named = org_id(org)

    async def read(parts: "Parts") -> "tuple[Moment, Explanation]":
        point = await moment(parts, named, at=at, known_at=known_at)
        catalog = point.catalog
        return point, explained(point.history, catalog, catalog.resolve(key), at=point.at)

    point, found = over_ledger(read)
    if as_json:
        head = {
            "org_id": org_json(named),
            "known_at": iso(point.known_at),
            "org_version": point.history.version,
        }
        print_json(head | explanation(found))
        return
    _print(point, found)


def _print(point: "Moment", found: "Explanation") -> None:
    from domain.instants import iso

    history = point.history
    why = f" ({found.denied_by})" if found.denied_by else ""
    name = plain(history.org.name)
    show(f"{found.key} is {found.state.label}{why} for {name} (organisation {history.org_id}),")
    show(f"judged by version {history.version} of its events.", *point.notes, "")
    for number, step in enumerate(found.steps, start=1):
        show(f"{number}. {step.question} {step.answer}")
        for entry in step.facts:
            show(f"     {line(entry)}")
    if found.would_grant:
        show("", f"What would grant it: {'; then '.join(found.would_grant)}.")
    if found.next_change is not None:
        at, state = found.next_change
        show("", f"Next change by itself: {state.label} from {iso(at)} on.")


def line(entry: "Recorded") -> str:
    """One event in one line: position, when, what, who and why."""
    from domain.instants import iso

    fact = entry.fact
    key = getattr(fact, "key", None)
    what = fact.TOPIC.split(".")[1] + (f" {key}" if key else "")
    ticket = f" [{plain(fact.ticket)}]" if fact.ticket else ""
    return (
        f"#{entry.position} {iso(entry.recorded_at)} {what}"
        f" by {plain(fact.actor)} ({fact.actor_type}): {plain(fact.reason)}{ticket}"
    )


@click.command(
    "replay",
    epilog=example(
        "entitlements replay --org 42",
        "entitlements replay --org 42 --at 2026-01-31T12:00:00Z --known-at 2026-02-01T00:00:00Z",
    ),
)
@click.option("--org", required=True, help="The organisation.")
@at_option
@known_at_option
@json_option
def replay(*, org: str, at: datetime | None, known_at: datetime | None, as_json: bool) -> None:
    """Rebuild an organisation's state from its events alone.

    With the events that were used.
    """
    from api.render_history import recorded, states
    from domain.effective import Effective, effective_map
    from domain.ids import org_id, org_json
    from domain.instants import iso
    from infra.asof import Moment, moment

    named = org_id(org)

    async def read(parts: "Parts") -> Moment:
        return await moment(parts, named, at=at, known_at=known_at)

    point = over_ledger(read)
    found = effective_map(point.history.lanes, point.catalog, point.at)
    if as_json:
        print_json(
            {
                "org_id": org_json(named),
                "at": iso(point.at),
                "known_at": iso(point.known_at),
                "org_version": point.history.version,
                "catalog_version": point.catalog.version,
                "states": states(found),
                "events": [recorded(entry) for entry in point.history.recorded],
            }
        )
        return
    usable = [key for key, state in found.items() if state is not Effective.DISABLED]
    modules = [f"{k} ({found[k].label})" for k in usable if "." not in k]
    show(f"{plain(point.history.org.name)} (organisation {named}) at {iso(point.at)},")
    show(f"rebuilt from {len(point.history.recorded)} events known at {iso(point.known_at)}:", "")
    show(f"Usable: {', '.join(modules)}", "", "Events used:")
    for entry in point.history.recorded:
        show(f"  {line(entry)}")
