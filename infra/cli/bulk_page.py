"""Batches on a terminal: counts, what somebody must look at, and what to do next."""

from collections.abc import Iterator
from typing import Any

from rich.console import RenderableType

from infra.cli.output import plain, show
from infra.cli.tables import table

_SHOWN = 20
_MEANINGS = {
    "over": "it would have ended by now anyway",
    "moved_since": "it was changed since, by somebody else",
    "slot_taken": "something else stands in its place by now",
    "registration_stays": "an organisation that is known stays known",
    "not_undoable": "nothing can be done about it",
}


def print_applied(document: dict[str, Any]) -> None:
    """Print what became of a file."""
    refused = [result for result in document["results"] if result["outcome"] == "refused"]
    show(*_refused(refused), *_counts(document))


def _refused(refused: list[dict[str, Any]]) -> Iterator[RenderableType]:
    if refused:
        yield "Refused: nothing of these organisations' rows was applied."
        columns = ("row", "organisation", "command", "code", "why")
        rows = [
            (
                str(result["row"]),
                _text(result["org"]),
                _text(result["command"]),
                result["code"],
                plain(result["message"]),
            )
            for result in refused[:_SHOWN]
        ]
        yield table(*columns, rows=rows, right=("row",))
    if len(refused) > _SHOWN:
        yield f"... and {len(refused) - _SHOWN} more: --json has them all."


def _counts(document: dict[str, Any]) -> Iterator[str]:
    would = "would be " if document.get("dry_run") else ""
    yield (
        f"{document['rows']} rows: {document['changed']} {would}changed, "
        f"{document['unchanged']} unchanged, {document['refused']} refused, "
        f"{document['known']} done by an earlier run."
    )
    if document.get("dry_run"):
        yield f"To do exactly this: the same command with --plan-token {document['plan_token']}"
        yield "(without --dry-run)."
    elif document["changed"]:
        yield f"Every event of it carries batch {document['batch_id']}. To take it back:"
        yield f"  entitlements bulk undo {document['batch_id']} --reason ... --dry-run"


def print_batch(document: dict[str, Any]) -> None:
    """Print what a batch did."""
    show(*_batch(document))


def _batch(document: dict[str, Any]) -> Iterator[RenderableType]:
    yield (
        f"Batch {document['batch_id']}: {document['events']} events on {document['org_count']} "
        f"organisations, positions {document['first_position']} to {document['last_position']}."
    )
    yield f"{document['started_at']} to {document['ended_at']}, by {plain(document['actor'])}"
    yield f"Reason: {plain(document['reason'])}"
    for type_, count in document["types"].items():
        yield f"  {count} × {type_.split('.')[1]}"
    if document["undoes"] is not None:
        yield f"It undid batch {document['undoes']}."
    if document["undone_by"] is not None:
        yield f"It was undone by batch {document['undone_by']}."
    columns = ("organisation", "events", "first", "last")
    rows = [
        (
            str(entry["org_id"]),
            str(entry["events"]),
            str(entry["first_position"]),
            str(entry["last_position"]),
        )
        for entry in document["orgs"]
    ]
    yield table(*columns, rows=rows, right=columns[1:])
    if document["next"] is not None:
        yield f"More: entitlements bulk show {document['batch_id']} --after {document['next']}"


def print_undone(document: dict[str, Any]) -> None:
    """Print what became of an undo."""
    show(*_undone(document))


def _undone(document: dict[str, Any]) -> Iterator[RenderableType]:
    preview = document.get("dry_run", False)
    rows = list(_items(document, told=preview))
    if rows:
        yield "What would be done:" if preview else "Left alone:"
        columns = ("organisation", "what", "key", "source", "undone", "why not")
        yield table(*columns, rows=rows[:_SHOWN])
    if len(rows) > _SHOWN:
        yield f"... and {len(rows) - _SHOWN} more: --json has them all."
    would = "would be " if preview else ""
    yield (
        f"{document['orgs']} organisations: {document['changed']} {would}changed, "
        f"{document['unchanged']} unchanged, {document['refused']} refused, "
        f"{document['known']} undone before; {document['undone']} things {would}undone."
    )
    for why, count in document["skipped"].items():
        yield f"  {count} left alone: {_MEANINGS[why]}"
    if preview:
        yield f"To do exactly this: the same command with --plan-token {document['plan_token']}"
        yield "(without --dry-run)."
    elif document["undone"]:
        yield f"The undo is batch {document['batch_id']}."


def _items(document: dict[str, Any], *, told: bool) -> Iterator[tuple[str, ...]]:
    """What is told of each: all of a preview, otherwise what was not done."""
    for result in document["results"]:
        org = str(result["org"])
        if result["outcome"] == "refused":
            yield org, "", "", "", "", plain(result["message"])
        for item in result["items"]:
            if told or item["skipped"] is not None:
                names = (item["what"], item.get("key"), item.get("source"), item["undone"])
                yield org, *map(_text, names), _text(item["skipped"])


def _text(value: Any) -> str:
    return plain(str(value)) if value is not None else ""
