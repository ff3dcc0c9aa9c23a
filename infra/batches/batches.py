"""What HTTP and a shell ask of batches, over the ledger, its orgs in memory and the audit view."""

import asyncio
from collections.abc import Sequence

from psycopg import AsyncConnection

from domain.actors import Provenance
from domain.batches import Undone, UnknownBatch, undo_id
from domain.bulk_rows import AnyRow, Applied, results_of, work_of
from domain.refusals import Unavailable
from infra.batches.settling import Settling, Told
from infra.batches.undoing import undo_work
from infra.store.ledger import Ledger
from infra.store.mapper import read_fact
from projections.audit import audit_position, follow_audit
from projections.batches import (
    BatchPage,
    batch_exists,
    orgs_of_batch,
    sum_of_batch,
)
from projections.status import head_position
from projections.table import OrgTable

_MOST_LOOKS = 200  # at the audit view, while it catches up
_PAUSE_SECONDS = 0.05


class Batches:
    """Applies, shows and undoes batches."""

    def __init__(self, *, ledger: Ledger, table: OrgTable) -> None:
        self._ledger = ledger
        self._table = table

    async def apply(
        self,
        rows: Sequence[AnyRow],
        *,
        batch_id: str,
        dry_run: bool = False,
        plan_token: str | None = None,
        told: Told = lambda settled: None,
    ) -> Applied:
        """Apply rows, all or none of each org's; orgs that were done before are left as they are.

        Raises:
            PlanMismatch, PlanMoved: nothing was written.
            BatchCut: what was applied stays, and the same again goes on.
        """
        works, settling = work_of(rows), self._settling(batch_id, told)
        if dry_run:
            settled, token = await settling.preview(works, plan=plan_token)
            return Applied(batch_id=batch_id, results=results_of(rows, settled), plan_token=token)
        settled = await settling.apply(works, plan=plan_token)
        return Applied(batch_id=batch_id, results=results_of(rows, settled), plan_token=None)

    async def show(self, batch_id: str, *, after: str, limit: int) -> BatchPage:
        """What a batch did, and its orgs after `after`.

        Raises:
            UnknownBatch: nothing was recorded under that id.
        """
        async with self._ledger.reading() as connection:
            await _caught_up(connection)
            found = await sum_of_batch(connection, batch_id, decode=read_fact)
            if found is None:
                raise UnknownBatch(batch_id)
            undone = await batch_exists(connection, undo_id(batch_id))
            orgs = await orgs_of_batch(connection, batch_id, after=after, limit=limit)
        return BatchPage(
            batch_id=batch_id,
            sum=found,
            undone_by=undo_id(batch_id) if undone else None,
            orgs=orgs,
        )

    async def undo(
        self,
        batch_id: str,
        *,
        by: Provenance,
        dry_run: bool = False,
        plan_token: str | None = None,
        told: Told = lambda settled: None,
    ) -> Undone:
        """Compensate a batch org by org, once ever; what somebody changed since is left alone.

        Raises:
            UnknownBatch: nothing was recorded under that id.
            PlanMismatch, PlanMoved: nothing was written.
            BatchCut: what was undone stays so, and the same again goes on.
        """
        async with self._ledger.reading() as connection:
            await _caught_up(connection)
            pages = undo_work(connection, batch_id, by=by)
            works = [work async for page in pages for work in page]
        if not works:
            raise UnknownBatch(batch_id)
        token, settling = None, self._settling(undo_id(batch_id), told)
        if dry_run:
            settled, token = await settling.preview(works, plan=plan_token)
        else:
            settled = await settling.apply(works, plan=plan_token)
        return Undone(
            batch_id=undo_id(batch_id), undoes=batch_id, settled=settled, plan_token=token
        )

    def _settling(self, batch_id: str, told: Told) -> Settling:
        return Settling(batch_id, ledger=self._ledger, table=self._table, told=told)


async def _caught_up(connection: AsyncConnection) -> None:
    """Wait until the audit view knows all there is now: a batch must not be undone in part.

    Raises:
        Unavailable: it is too far behind.
    """
    head = await head_position(connection)
    for _ in range(_MOST_LOOKS):
        if await audit_position(connection) >= head:
            return
        if not await follow_audit(connection):
            await asyncio.sleep(_PAUSE_SECONDS)
    raise Unavailable("The audit view is still catching up; ask again in a moment.")
