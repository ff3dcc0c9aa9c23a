"""`entitlements audit search` and `audit export`: the audit log on a terminal and as a file."""

import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from infra.cli.actor import shell_actor
from infra.cli.history import line
from infra.cli.options import Instant
from infra.cli.output import json_option, print_json, show
from infra.cli.usage import example
from infra.cli.work import over_ledger

if TYPE_CHECKING:
    from domain.history import Recorded
    from infra.wiring import Parts
    from projections.audit_pages import AuditQuery


@dataclass(frozen=True, slots=True, kw_only=True)
class Marks:
    """What to look for."""

    org: str | None
    key: str | None
    actor: str | None
    type: str | None
    source: str | None
    batch: str | None
    starts: datetime | None
    ends: datetime | None
    oldest_first: bool


_MARKS = (
    click.option("--org", help="An organisation."),
    click.option("--key", help="A module or module.submodule."),
    click.option("--actor", help="Who did it."),
    click.option("--type", help="What happened, such as ModuleGranted."),
    click.option("--source", help="A source of grants, such as plan:pro@1."),
    click.option("--batch", help="A batch, such as an import."),
    click.option("--from", "starts", type=Instant(), help="Recorded from this instant on."),
    click.option("--to", "ends", type=Instant(), help="Recorded before this instant."),
    click.option("--oldest-first", is_flag=True, help="Instead of the newest."),
)


def with_marks(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options by which events are found."""
    for option in reversed(_MARKS):
        command = option(command)
    return command


@click.command(
    "search",
    epilog=example(
        "entitlements audit search --org 42",
        "entitlements audit search --type GrantEnded --key crm --from 2026-01-01T00:00:00Z",
    ),
)
@with_marks
@click.option("--after", type=click.IntRange(min=0), help="Position of the last event seen.")
@click.option(
    "--limit", type=click.IntRange(1, 1000), default=50, show_default=True, help="How many."
)
@json_option
def search(*, after: int | None, limit: int, as_json: bool, **marks: Any) -> None:
    """Find events by who, whom, what and when."""
    from api.render_history import recorded
    from infra.histories import Audit

    query = _query(Marks(**marks), after=after, limit=limit)

    async def read(parts: "Parts") -> "list[Recorded]":
        await _note(parts, query, export=False)
        audit = Audit(parts.ledger.reading)
        await audit.caught_up()
        found, _ = await audit.page(query)
        return found

    found = over_ledger(read)
    following = found[-1].position if len(found) == limit else None
    if as_json:
        print_json({"events": [recorded(entry) for entry in found], "next": following})
        return
    if not found:
        show("No event matches.")
    for entry in found:
        org = entry.fact.originator_id.removeprefix("org-")
        show(f"{org:>12}  {line(entry)}")
    if following is not None:
        show("", f"There may be more: --after {following}")


@click.command(
    "export",
    epilog=example("entitlements audit export --format csv --org 42 > org-42.csv"),
)
@with_marks
@click.option(
    "--format",
    "form",
    type=click.Choice(["jsonl", "csv"]),
    default="jsonl",
    show_default=True,
    help="How it is written.",
)
def export(*, form: str, **marks: Any) -> None:
    """Write every event that matches to standard output."""
    from api.render_audit import csv_lines, json_lines
    from infra.histories import Audit

    query = _query(Marks(**marks), after=None, limit=1)

    async def write(parts: "Parts") -> None:
        await _note(parts, query, export=True)
        pages = await Audit(parts.ledger.reading).everything(query)
        lines: AsyncIterator[str] = csv_lines(pages) if form == "csv" else json_lines(pages)
        async for text in lines:
            sys.stdout.write(text)
        sys.stdout.flush()  # here a reader that has gone is still told of

    over_ledger(write)


def _query(marks: Marks, *, after: int | None, limit: int) -> "AuditQuery":
    from api.routes.audit import types_named
    from domain.ids import org_id
    from domain.instants import aware
    from projections.audit_pages import AuditQuery

    return AuditQuery(
        org=org_id(marks.org) if marks.org is not None else None,
        key=marks.key.lower() if marks.key else None,
        actor=marks.actor,
        types=types_named(marks.type),
        source=marks.source,
        batch=marks.batch,
        starts=aware(marks.starts, field="from") if marks.starts else None,
        ends=aware(marks.ends, field="to") if marks.ends else None,
        after=after,
        newest_first=not marks.oldest_first,
        limit=limit,
    )


async def _note(parts: "Parts", query: "AuditQuery", *, export: bool) -> None:
    from api.routes.audit import written_query
    from domain.actors import Provenance
    from domain.facts import AuditRead
    from domain.ids import AUDIT_READS_STREAM

    by = Provenance(actor=shell_actor(), reason="Read the audit log on the command line.")
    await parts.ledger.note(
        AUDIT_READS_STREAM,
        AuditRead,
        by=by,
        query=written_query(query, export=export),
        export=export,
    )
