"""Carries out the work of a batch: each org once ever, many at once, so that they share commits."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from functools import cache, partial

from consumers.ahead import all_of, in_order
from domain.batches import (
    BatchCut,
    Settled,
    Work,
    check_plan,
    plan_token,
)
from domain.ids import OrgId
from domain.orders import Answer, Order
from domain.org import Org
from domain.refusals import IdempotencyKeyReused, Refusal, Unavailable
from infra.store.ledger import Ledger
from projections.commands import CarriedOut, carried_out
from projections.orgs import fetch_orgs
from projections.table import OrgTable

AT_ONCE = 256  # orgs, which is what one transaction of the journal takes
_MORE_TRIES = 2
_PAUSE_SECONDS = 0.5
_AHEAD = 2  # chunks under way: one is decided while the other is being written

Told = Callable[[Sequence[Settled]], None]
Plans = Mapping[OrgId, str]


class Settling:
    """Settles the work of one batch.

    Args:
        told: hears of every chunk that is settled.
    """

    def __init__(
        self,
        batch_id: str,
        *,
        ledger: Ledger,
        table: OrgTable,
        told: Told = lambda settled: None,
    ) -> None:
        self._batch_id = batch_id
        self._ledger = ledger
        self._table = table
        self._told = told
        self._by = cache(partial(replace, batch_id=batch_id))  # most work has the same word

    async def preview(
        self, works: Sequence[Work], *, plan: str | None
    ) -> tuple[list[Settled], str]:
        """What would become of the work, and the token by which just that can be applied.

        Raises:
            PlanMismatch, PlanMoved: it is not what an earlier plan said.
        """
        settled = [one async for chunk in self._run(works, plans=None) for one in chunk]
        token = plan_token(works, settled)
        check_plan(plan, token, batch_id=self._batch_id)
        return settled, token

    async def apply(self, works: Sequence[Work], *, plan: str | None) -> list[Settled]:
        """What became of the work; under a plan only if nothing that its preview read has moved.

        Raises:
            PlanMismatch, PlanMoved: the plan is of other work, or something has moved;
                nothing was written.
            BatchCut: the ledger cannot write; what was applied stays.
        """
        judged: dict[OrgId, Settled] = {}
        if plan is not None:
            previewed, _ = await self.preview(works, plan=plan)
            judged = {one.work.org: one for one in previewed}
        plans = {
            org: one.answer.plan_token or ""
            for org, one in judged.items()
            if one.answer is not None and not one.known
        }
        left = [work for work in works if plan is None or work.org in plans]
        try:
            applied = [one async for chunk in self._run(left, plans=plans) for one in chunk]
        except Unavailable as unavailable:
            raise BatchCut(self._batch_id, because=unavailable.message) from unavailable
        settled = judged | {one.work.org: one for one in applied}
        return [settled[work.org] for work in works]

    async def _run(
        self, works: Sequence[Work], *, plans: Plans | None
    ) -> AsyncIterator[list[Settled]]:
        """Each chunk, in order; without plans it is judged and not applied."""
        work = partial(self._chunk, plans=plans)
        async with aclosing(in_order(_chunks(works), work, at_once=_AHEAD)) as settled:
            async for chunk in settled:
                yield chunk

    async def _chunk(self, works: Sequence[Work], *, plans: Plans | None) -> list[Settled]:
        known = await self._known(works)
        new = [work for work in works if work.org not in known]
        await self._table.take_in([work.org for work in new], self._fetch)
        found = await all_of(self._settled(work, plans=plans) for work in new)
        settled = known | {work.org: one for work, one in zip(new, found, strict=True)}
        refused = [one.work for one in settled.values() if one.refusal is not None]
        if plans is not None and refused:  # perhaps because the same batch was quicker elsewhere
            settled |= await self._known(refused)
        chunk = [settled[work.org] for work in works]
        self._told(chunk)
        return chunk

    async def _settled(self, work: Work, *, plans: Plans | None) -> Settled:
        plan = plans.get(work.org) if plans is not None else None
        order = self._order(work, plan=plan, dry_run=plans is None)
        try:
            return Settled(work=work, answer=await self._patiently(order))
        except Unavailable:
            raise
        except IdempotencyKeyReused:
            return Settled(work=work, refusal=IdempotencyKeyReused(batch=self._batch_id))
        except Refusal as refusal:
            return Settled(work=work, refusal=refusal)

    async def _patiently(self, order: Order) -> Answer:
        """One hiccup of the database must not cut off a batch; the command id tells what it did."""
        for _ in range(_MORE_TRIES):
            try:
                return await self._ledger.execute(order)
            except Unavailable:
                await asyncio.sleep(_PAUSE_SECONDS)
                order = replace(order, presume_first=False)
        return await self._ledger.execute(order)

    def _order(self, work: Work, *, plan: str | None, dry_run: bool) -> Order:
        return Order(
            org=work.org,
            commands=[work.command],
            by=self._by(work.by),
            command_id=work.command_id(self._batch_id),
            fingerprint=work.fingerprint,
            dry_run=dry_run,
            plan_token=plan,
            presume_first=True,
            terse=plan is None and not dry_run,  # a plan covers the states, too
            addendum=work.command.addendum,
        )

    async def _known(self, works: Sequence[Work]) -> dict[OrgId, Settled]:
        """What earlier runs of the same batch came to."""
        ids = {work.command_id(self._batch_id): work for work in works}
        async with self._ledger.reading() as connection:
            found = await carried_out(connection, list(ids))
        return {ids[key].org: self._remembered(ids[key], kept) for key, kept in found.items()}

    def _remembered(self, work: Work, kept: CarriedOut) -> Settled:
        if (kept.fingerprint or b"") != work.fingerprint:
            return Settled(work=work, refusal=IdempotencyKeyReused(batch=self._batch_id))
        answer = Answer.restored(
            work.org,
            kept.response or b"",
            version=kept.version,
            first_position=kept.first_position,
        )
        return Settled(work=work, answer=answer, known=True)

    async def _fetch(self, org_ids: Sequence[OrgId]) -> list[Org]:
        async with self._ledger.reading() as connection:
            return await fetch_orgs(connection, org_ids)


def _chunks(works: Sequence[Work]) -> Iterator[Sequence[Work]]:
    for start in range(0, len(works), AT_ONCE):
        yield works[start : start + AT_ONCE]
