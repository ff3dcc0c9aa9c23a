"""Imports legacy rows, each org once ever and whole; many at once, so that they share commits."""

from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from contextlib import aclosing
from dataclasses import dataclass
from itertools import islice
from typing import Protocol
from uuid import UUID

from consumers.ahead import all_of, in_order
from consumers.legacy.identity import ACTOR, REASON, command_id, fingerprint
from consumers.legacy.lines import Broken, Row
from consumers.legacy.results import RowResult, Verdict
from consumers.legacy.translation import Translator
from domain.actors import Provenance
from domain.ids import OrgId
from domain.orders import Answer, Order
from domain.refusals import IdempotencyKeyReused, Refusal, Unavailable

BATCH_SIZE = 64  # a short chunk is soon on its way, and there is little to wait for at the end

_AHEAD = 8  # chunks under way: some are decided while others are being written


class Ledger(Protocol):
    """The port to the write side."""

    async def execute(self, order: Order) -> Answer:
        """Carry out an order or raise a Refusal."""


class ImportCut(Unavailable):
    """The ledger could not go on; every org is imported as a whole or not at all."""

    code = "import_cut"
    hint = "What was imported stays. Run the same import again: it goes on from there."


Fingerprints = Callable[[Sequence[UUID]], Awaitable[Mapping[UUID, bytes | None]]]
"""The fingerprints of those commands that were carried out before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Read:
    """A row as it was read, before anybody asked whether it was imported earlier."""

    held: RowResult
    command_id: UUID
    order: Order


class Importer:
    """Imports one file.

    Args:
        earlier: tells which orgs were imported before, a chunk at a time.
        batch_id: stands on every fact of this run.
    """

    def __init__(
        self,
        *,
        translator: Translator,
        ledger: Ledger,
        earlier: Fingerprints,
        batch_id: str,
        dry_run: bool = False,
    ) -> None:
        self._translator = translator
        self._ledger = ledger
        self._earlier = earlier
        self._by = Provenance(actor=ACTOR, reason=REASON, batch_id=batch_id)
        self._dry_run = dry_run
        self._lines: dict[OrgId, int] = {}

    async def run(
        self, rows: Iterable[Row | Broken], *, batch_size: int = BATCH_SIZE
    ) -> AsyncIterator[list[RowResult]]:
        """The results of each chunk, in the order of the file.

        Raises:
            ImportCut: the ledger cannot write; what was imported stays, and running again goes on
                from there.
        """
        chunks = _chunks(rows, batch_size)
        try:
            async with aclosing(in_order(chunks, self._import, at_once=_AHEAD)) as imported:
                async for results in imported:
                    yield results
        except Unavailable as unavailable:
            raise ImportCut(unavailable.message) from unavailable

    async def _import(self, chunk: Sequence[Row | Broken]) -> list[RowResult]:
        lines = [self._read(line) for line in chunk]
        rows = [line for line in lines if isinstance(line, _Read)]
        earlier = await self._earlier([row.command_id for row in rows])
        results = iter(await all_of(self._settled(row, earlier) for row in rows))
        return [next(results) if isinstance(line, _Read) else line for line in lines]

    def _read(self, line: Row | Broken) -> _Read | RowResult:
        if isinstance(line, Broken):
            return RowResult.broken(line.line, problem=line.problem)
        said = self._translator.translate(line.content)
        held = RowResult(
            line=line.line,
            verdict=Verdict.HELD,
            org=said.org,
            name=said.name,
            differences=said.differences,
            unset=said.unset,
        )
        if said.org is None:
            return held
        first = self._lines.setdefault(said.org, line.line)
        if first != line.line:
            return held.as_held("repeated_org", f"Line {first} has the same id.")
        known = command_id(said.org)
        order = Order(
            org=said.org,
            commands=said.commands,
            by=self._by,
            command_id=known,
            fingerprint=fingerprint(line.content),
            dry_run=self._dry_run,
            may_backdate=True,
            terse=True,
            presume_new=not self._dry_run,
        )
        return _Read(held=held, command_id=known, order=order)

    async def _settled(self, row: _Read, earlier: Mapping[UUID, bytes | None]) -> RowResult:
        order, held = row.order, row.held
        if row.command_id in earlier:
            unchanged = earlier[row.command_id] == order.fingerprint
            return held.as_settled(Verdict.UNCHANGED) if unchanged else held.as_edited()
        if held.differences:
            return held
        try:
            await self._ledger.execute(order)
        except Unavailable:
            raise
        except IdempotencyKeyReused:  # another import was quicker, with another row
            return held.as_edited()
        except Refusal as refusal:
            return held.as_held(refusal.code, refusal.message)
        return held.as_settled(Verdict.IMPORTED)


def _chunks(rows: Iterable[Row | Broken], size: int) -> Iterator[list[Row | Broken]]:
    rest = iter(rows)
    while chunk := list(islice(rest, size)):
        yield chunk
