"""Batches as JSON: what each row came to, what a batch did, and what undoing it comes to."""

from collections import Counter
from collections.abc import Sequence
from typing import Any, get_args

from domain.batches import Settled, Undone, undone_id
from domain.bulk_rows import Applied, Outcome, RowResult
from domain.commands.undo import HARMLESS
from domain.ids import org_json
from domain.instants import iso
from projections.batches import BatchPage

OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)


def applied(found: Applied, *, failures_only: bool = False) -> dict[str, Any]:
    """The counts of all rows, and the results of all or of those that were refused."""
    counts = Counter(result.outcome for result in found.results)
    told = [r for r in found.results if r.outcome == "refused" or not failures_only]
    return {
        "batch_id": found.batch_id,
        "rows": len(found.results),
        **{outcome: counts[outcome] for outcome in OUTCOMES},
        "results": [row_result(result) for result in told],
        **_planned(found.plan_token),
    }


def row_result(result: RowResult) -> dict[str, Any]:
    """What became of one row; `code` and `message` only where it was refused."""
    refused = {"code": result.code, "message": result.message}
    return {
        "row": result.row,
        "org": org_json(result.org) if result.org is not None else None,
        "command": result.command,
        "outcome": result.outcome,
        **(refused if result.outcome == "refused" else {}),
        "org_version": result.org_version,
        "positions": list(result.positions),
        "warnings": list(result.warnings),
    }


def shown(page: BatchPage, *, limit: int) -> dict[str, Any]:
    """What a batch did, with a page of its orgs."""
    found, first = page.sum, page.sum.first
    return {
        "batch_id": page.batch_id,
        "events": found.events,
        "org_count": found.orgs,
        "types": found.types,
        "first_position": found.first_position,
        "last_position": found.last_position,
        "started_at": iso(found.started_at),
        "ended_at": iso(found.ended_at),
        "actor": first.actor,
        "actor_type": first.actor_type,
        "reason": first.reason,
        "ticket": first.ticket,
        "undoes": undone_id(page.batch_id),
        "undone_by": page.undone_by,
        "orgs": [
            {
                "org_id": org_json(entry.org),
                "events": entry.events,
                "first_position": entry.first_position,
                "last_position": entry.last_position,
            }
            for entry in page.orgs
        ],
        "next": page.orgs[-1].org if len(page.orgs) == limit else None,
    }


def undone(found: Undone, *, failures_only: bool = False) -> dict[str, Any]:
    """The counts of all orgs and of all items, and the orgs: all, or those to look at."""
    outcomes = Counter(outcome(settled) for settled in found.settled)
    items = [item for settled in found.settled for item in items_of(settled)]
    told = [one for one in found.settled if not failures_only or wants_a_look(one)]
    return {
        "batch_id": found.batch_id,
        "undoes": found.undoes,
        "orgs": len(found.settled),
        **{name: outcomes[name] for name in OUTCOMES},
        "undone": sum(item["undone"] is not None for item in items),
        "skipped": Counter(item["skipped"] for item in items if item["skipped"] is not None),
        "results": [_undone_org(settled) for settled in told],
        **_planned(found.plan_token),
    }


def wants_a_look(settled: Settled) -> bool:
    """Whether undoing left something of the org for a person to decide."""
    if settled.refusal is not None:
        return True
    return any(item["skipped"] not in (None, *HARMLESS) for item in items_of(settled))


def items_of(settled: Settled) -> Sequence[dict[str, Any]]:
    """What became of each grant and block of an org."""
    return settled.answer.addendum if settled.answer is not None else ()


def outcome(settled: Settled) -> Outcome:
    """In one word, what became of an org."""
    if settled.answer is None:
        return "refused"
    if settled.known:
        return "known"
    return "changed" if settled.answer.changed else "unchanged"


def _undone_org(settled: Settled) -> dict[str, Any]:
    answer, refusal = settled.answer, settled.refusal
    refused = {"code": refusal.code, "message": refusal.message} if refusal is not None else {}
    return {
        "org": org_json(settled.work.org),
        "outcome": outcome(settled),
        **refused,
        "org_version": answer.org_version if answer is not None else None,
        "positions": answer.positions if answer is not None else [],
        "items": list(items_of(settled)),
    }


def _planned(plan_token: str | None) -> dict[str, Any]:
    return {"dry_run": True, "plan_token": plan_token} if plan_token is not None else {}
