"""Imports legacy rows, each org once ever and whole: many at a time, so that they share commits."""

import asyncio
import hashlib
import json
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, Protocol
from uuid import UUID, uuid5

from consumers.legacy.lines import Broken, Row
from consumers.legacy.results import Difference, RowResult, Verdict
from consumers.legacy.translation import Translation, Translator
from domain.actors import Actor, Provenance
from domain.ids import OrgId
from domain.orders import Answer, Order
from domain.refusals import IdempotencyKeyReused, Refusal, Unavailable

BATCH_SIZE = 256  # what one transaction of the journal takes
ACTOR = Actor(id="legacy-import", type="system")
REASON = "Imported from the legacy flags enabled_modules and route_access."

_IMPORTS = UUID("6d0a7b52-95c4-4c0f-8f0e-1d5c2f9b7e31")  # never rename: command ids derive from it
_AHEAD = 2  # chunks under way: one is decided while the other is being written


class Ledger(Protocol):
    """The port to the write side."""

    async def execute(self, order: Order) -> Answer:
        """Carry out an order or raise a Refusal."""


Fingerprints = Callable[[Sequence[UUID]], Awaitable[Mapping[UUID, bytes | None]]]
"""The fingerprints of those commands that were carried out before."""


def command_id(org: OrgId) -> UUID:
    """The one command that imports an org, whenever and from whichever file."""
    return uuid5(_IMPORTS, f"legacy-import:{org}")


def fingerprint(row: dict[str, Any]) -> bytes:
    """The digest of a row whatever the order of its keys; any other change gives another."""
    return hashlib.sha256(json.dumps(row, sort_keys=True, separators=(",", ":")).encode()).digest()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ready:
    """A translated row that nothing speaks against so far."""

    result: RowResult
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
            Unavailable: the ledger cannot write; what was imported stays, and running again
                goes on from there.
        """
        under_way: deque[asyncio.Task[list[RowResult]]] = deque()
        try:
            for chunk in _chunks(rows, batch_size):
                under_way.append(asyncio.create_task(self._import(chunk)))
                if len(under_way) == _AHEAD:
                    yield await under_way.popleft()
            while under_way:
                yield await under_way.popleft()
        finally:
            for task in under_way:
                task.cancel()

    async def _import(self, chunk: Sequence[Row | Broken]) -> list[RowResult]:
        judged = [self._judge(line) for line in chunk]
        ready = [each for each in judged if isinstance(each, _Ready)]
        earlier = await self._earlier([command_id(each.order.org) for each in ready])
        results = await asyncio.gather(*(self._settle(each, earlier) for each in ready))
        settled = {result.line: result for result in results}
        return [settled[j.result.line] if isinstance(j, _Ready) else j for j in judged]

    def _judge(self, line: Row | Broken) -> _Ready | RowResult:
        if isinstance(line, Broken):
            problem = Difference(code="broken_line", field="", message=line.problem)
            return RowResult(line=line.line, verdict=Verdict.BROKEN, differences=(problem,))
        said = self._translator.translate(line.content)
        result = _held(line, (*said.differences, *self._repeated(line, said)), said=said)
        if result.differences or said.org is None:
            return result
        order = Order(
            org=said.org,
            commands=said.commands,
            by=self._by,
            command_id=command_id(said.org),
            fingerprint=fingerprint(line.content),
            dry_run=self._dry_run,
            may_backdate=True,
            presume_new=not self._dry_run,
        )
        return _Ready(result=result, order=order)

    def _repeated(self, line: Row, said: Translation) -> Iterator[Difference]:
        if said.org is None:
            return
        first = self._lines.setdefault(said.org, line.line)
        if first != line.line:
            message = f"Line {first} has the same id; only that one counts."
            yield Difference(code="repeated_org", field="id", message=message)

    async def _settle(self, ready: _Ready, earlier: Mapping[UUID, bytes | None]) -> RowResult:
        order, result = ready.order, ready.result
        assert order.command_id is not None
        if order.command_id in earlier:
            same = earlier[order.command_id] == order.fingerprint
            return replace(result, verdict=Verdict.UNCHANGED) if same else _differing(result)
        try:
            await self._ledger.execute(order)
        except Unavailable:
            raise
        except IdempotencyKeyReused:  # another import was quicker, with another row
            return _differing(result)
        except Refusal as refusal:
            difference = Difference(code=refusal.code, field="", message=refusal.message)
            return replace(result, differences=(difference,))
        return replace(result, verdict=Verdict.IMPORTED)


def _held(line: Row, differences: tuple[Difference, ...], *, said: Translation) -> RowResult:
    return RowResult(
        line=line.line,
        verdict=Verdict.HELD,
        org=said.org,
        name=said.name,
        differences=differences,
        unset=said.unset,
    )


def _differing(result: RowResult) -> RowResult:
    message = "The row was edited after it was imported; that is not applied."
    difference = Difference(code="edited_after_import", field="", message=message)
    return replace(result, verdict=Verdict.DIFFERING, differences=(difference,))


def _chunks(rows: Iterable[Row | Broken], size: int) -> Iterator[list[Row | Broken]]:
    rest = iter(rows)
    while chunk := list(islice(rest, size)):
        yield chunk
