"""The legacy import, wired to a file, a ledger, a clock and a progress bar."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from consumers.legacy.importing import Importer
from consumers.legacy.lines import read_lines
from consumers.legacy.mapping import checked_routes, shipped_routes
from consumers.legacy.results import Tally
from consumers.legacy.translation import Translator
from domain.ids import uuid7
from infra.cli.progress import progress
from infra.cli.work import over_ledger
from infra.collector import seldom_collecting
from infra.wiring import Parts
from projections.commands import fingerprints

_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """How a file is to be imported."""

    dry_run: bool
    strict: bool
    batch_size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """One import, added up; every fact of it carries `batch_id`."""

    file: Path
    wanted: Wanted
    batch_id: str
    tally: Tally
    seconds: float

    @property
    def rate(self) -> float:
        """Lines a second."""
        return sum(self.tally.counts.values()) / self.seconds


def import_legacy(file: Path, *, dry_run: bool, strict: bool, batch_size: int) -> Done:
    """Import a file of JSON Lines."""
    wanted = Wanted(dry_run=dry_run, strict=strict, batch_size=batch_size)
    with (
        file.open("rb") as lines,
        progress("Importing", total=line_count(file), unit="orgs") as told,
    ):

        async def run(parts: Parts) -> Done:
            started = time.monotonic()
            batch_id = str(uuid7(parts.clock.now()))
            importer = _importer(parts, wanted, batch_id=batch_id)
            tally = Tally()
            with seldom_collecting():
                async for results in importer.run(read_lines(lines), batch_size=batch_size):
                    for result in results:
                        tally.add(result)
                    told(sum(tally.counts.values()))
            seconds = time.monotonic() - started
            return Done(file=file, wanted=wanted, batch_id=batch_id, tally=tally, seconds=seconds)

        return over_ledger(run)


def _importer(parts: Parts, wanted: Wanted, *, batch_id: str) -> Importer:
    async def earlier(command_ids: Sequence[UUID]) -> Mapping[UUID, bytes | None]:
        async with parts.ledger.reading() as connection:
            return await fingerprints(connection, command_ids)

    catalog = parts.shelf.catalog
    translator = Translator(
        catalog=catalog,
        routes=checked_routes(shipped_routes(), catalog=catalog),
        strict=wanted.strict,
        now=parts.clock.now(),
    )
    return Importer(
        translator=translator,
        ledger=parts.ledger,
        earlier=earlier,
        batch_id=batch_id,
        dry_run=wanted.dry_run,
    )


def line_count(file: Path) -> int | None:
    """How many lines a file has, the last one ended or not; None for what is read only once."""
    if not file.is_file():
        return None
    lines, last = 0, b"\n"
    with file.open("rb") as content:
        while chunk := content.read(_CHUNK_BYTES):
            lines, last = lines + chunk.count(b"\n"), chunk[-1:]
    return lines + (last != b"\n")
