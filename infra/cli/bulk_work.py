"""Batches from a shell: a file and its options in, carried out over the ledger of this process."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from api.bulk import read_rows
from api.row_files import Format
from domain.actors import Provenance
from domain.batches import Parts as PartsOfWork
from domain.batches import Settled, Undone, batch_id, chosen_id
from domain.bulk_rows import AnyRow, Applied, Row, Rows
from domain.ids import uuid7
from infra.batches import Batches
from infra.batches.settling import Told
from infra.cli.actor import shell_actor
from infra.cli.output import show
from infra.cli.progress import progress
from infra.cli.work import over_ledger
from infra.clock import LedgerClock
from infra.wiring import Parts
from projections.batches import BatchPage


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """How a file is to be applied."""

    form: Format
    batch_id: str | None
    reason: str | None
    ticket: str | None
    dry_run: bool
    plan_token: str | None


def apply_file(file: Path, wanted: Wanted, *, quiet: bool) -> Applied:
    """Apply the rows of a file.

    Raises:
        MalformedRows, TooManyRows, InvalidReason, InvalidBatchId: nothing was done.
        BatchCut: the same file under the same id goes on.
    """
    chosen = chosen_id(wanted.batch_id or str(uuid7(LedgerClock().now())))
    rows = read_rows(
        file.read_bytes(),
        form=wanted.form,
        reason=wanted.reason,
        ticket=wanted.ticket,
        word=_word,
    )
    if wanted.batch_id is None and not wanted.dry_run and not quiet:
        show(f"After an interruption go on with --batch-id {chosen}", err=True)
    what = "Judging" if wanted.dry_run else "Applying"
    with progress(what, total=_usable(rows), unit="rows") as bar:

        async def apply(parts: Parts) -> Applied:
            return await _batches(parts).apply(
                rows,
                batch_id=chosen,
                dry_run=wanted.dry_run,
                plan_token=wanted.plan_token,
                told=_counting(bar),
            )

        return over_ledger(apply)


def batch_page(batch: str, *, after: str, limit: int) -> BatchPage:
    """What a batch did."""
    named = batch_id(batch)
    return over_ledger(lambda parts: _batches(parts).show(named, after=after, limit=limit))


def undo_batch(
    batch: str, *, reason: str, ticket: str | None, dry_run: bool, plan_token: str | None
) -> Undone:
    """Undo a batch."""
    named, by = batch_id(batch), _word(reason, ticket)

    async def undo(parts: Parts) -> Undone:
        batches = _batches(parts)
        page = await batches.show(named, after="", limit=1)
        with progress("Undoing", total=page.sum.orgs, unit="orgs") as bar:
            return await batches.undo(
                named, by=by, dry_run=dry_run, plan_token=plan_token, told=_counting(bar)
            )

    return over_ledger(undo)


def _batches(parts: Parts) -> Batches:
    return Batches(ledger=parts.ledger, table=parts.table)


def _word(reason: str, ticket: str | None) -> Provenance:
    return Provenance(actor=shell_actor(), reason=reason, ticket=ticket)


def _usable(rows: Sequence[AnyRow]) -> int:
    return sum(isinstance(row, Row) for row in rows)


def _counting(bar: Callable[[int], None]) -> Told:
    done = 0

    def told(settled: Sequence[Settled]) -> None:
        nonlocal done
        done += sum(_size(one.work.command) for one in settled)
        bar(done)

    return told


def _size(command: PartsOfWork) -> int:
    return len(command.rows) if isinstance(command, Rows) else 1
