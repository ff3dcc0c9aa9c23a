"""What an import came to: counts, every line that somebody must look at, and what to do next."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from rich.console import RenderableType

from consumers.legacy.results import RowResult, Verdict
from domain.ids import org_json
from infra.cli.importing import Done
from infra.cli.output import plain, show
from infra.cli.tables import table

_SHOWN = 20
_LONGEST = 100  # characters of the differences of one org in the table


def document(done: Done) -> dict[str, Any]:
    """All of it as JSON."""
    return {
        "file": str(done.file),
        "dry_run": done.wanted.dry_run,
        "strict": done.wanted.strict,
        "batch_id": done.batch_id,
        "counts": {verdict: done.tally.counts[verdict] for verdict in Verdict},
        "differences_by_code": dict(done.tally.by_code.most_common()),
        "empty_values_read_as_unset": done.tally.unset,
        "seconds": round(done.seconds, 3),
        "orgs_per_second": round(done.rate),
        **{
            verdict: [_entry(result) for result in done.tally.of(verdict)]
            for verdict in (Verdict.HELD, Verdict.DIFFERING, Verdict.BROKEN)
        },
    }


def print_import(done: Done, *, all_held: bool) -> None:
    """Print it."""
    show(*_lines(done, all_held=all_held))


def _lines(done: Done, *, all_held: bool) -> Iterator[RenderableType]:
    held = done.tally.of(Verdict.HELD)
    shown = held if all_held else held[:_SHOWN]
    if shown:
        yield "Held: nothing of these was imported."
        yield _table(shown)
    if len(held) > len(shown):
        yield f"... and {len(held) - len(shown)} more: --all-held shows them, --json as data."
    if differing := done.tally.of(Verdict.DIFFERING):
        yield "Edited after they were imported; the ledger is what counts:"
        yield _table(differing)
    for result in done.tally.of(Verdict.BROKEN):
        yield f"Line {result.line} is broken: {plain(result.differences[0].message)}."
    yield from _counts(done)


def _counts(done: Done) -> Iterator[str]:
    counts, would = done.tally.counts, "would be " if done.wanted.dry_run else ""
    yield (
        f"{counts[Verdict.IMPORTED]} {would}imported, {counts[Verdict.UNCHANGED]} unchanged, "
        f"{counts[Verdict.DIFFERING]} differing, {counts[Verdict.HELD]} held, "
        f"{counts[Verdict.BROKEN]} broken, in {done.seconds:.1f} s ({done.rate:,.0f} a second)."
    )
    if not counts.total():
        yield "The file has no line to import."
    if done.tally.by_code:
        found = done.tally.by_code.most_common()
        yield f"What differs: {', '.join(f'{code} {number:,}' for code, number in found)}."
    if done.tally.unset:
        yield f"{done.tally.unset} null or empty flags were read as never set; --strict holds them."
    if done.wanted.dry_run:
        yield "Nothing was written; without --dry-run it will be."
    elif counts[Verdict.IMPORTED]:
        yield f"What this run wrote: entitlements audit search --batch {done.batch_id}"
    else:
        yield "This run changed nothing."
    if done.tally.open:
        yield "Mend the rows at their source, export again and run the import again."


def _table(results: Sequence[RowResult]) -> RenderableType:
    rows = [
        (str(result.line), str(result.org or ""), plain(result.name or ""), _differences(result))
        for result in results
    ]
    return table("line", "organisation", "name", "differences", rows=rows, right=("line",))


def _differences(result: RowResult) -> str:
    told = plain(" ".join(difference.message for difference in result.differences))
    return told if len(told) <= _LONGEST else told[: _LONGEST - 1] + "…"


def _entry(result: RowResult) -> dict[str, Any]:
    return {
        "line": result.line,
        "org_id": org_json(result.org) if result.org is not None else None,
        "name": result.name,
        "state": result.state,
        "differences": [asdict(difference) for difference in result.differences],
    }
