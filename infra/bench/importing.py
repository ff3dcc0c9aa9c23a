"""The legacy import: a file of orgs, read, translated, judged and appended with their views."""

import asyncio
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any
from uuid import UUID

import psycopg

from consumers.legacy.importing import Importer
from consumers.legacy.lines import read_lines
from consumers.legacy.mapping import checked_routes, shipped_routes
from consumers.legacy.results import Verdict
from consumers.legacy.translation import Translator
from infra.bench.bare import copy_rows, fresh_table, saving
from infra.bench.figures import Figure, Target
from infra.bench.ground import Ground
from infra.bench.legacy_rows import legacy_lines
from infra.bench.rounds import Sample, once
from infra.bench.samples import shipped_catalog
from infra.bench.taken import Taken
from infra.database import Database
from infra.store.mapper import read_fact
from infra.wiring import Parts
from projections.commands import fingerprints

PART = "import"
_COPY = "COPY of the same events' rows"
_SAVE = "the library's app.save, 1,000 events each"
_SAVED_AT_ONCE = 1_000
_COPIED = Target(of="ratio", sense="at least", bound=0.4, later=True)


async def legacy_import(ground: Ground) -> list[Figure]:
    """Each round in a database of its own, against a bare COPY and the library's `app.save`."""
    source, lines = legacy_lines(ground.sizes.imported_orgs, catalog=shipped_catalog())
    name = f"legacy import of {source}"
    samples: dict[str, list[Sample]] = {name: [], _COPY: [], _SAVE: []}
    for _ in range(ground.sizes.few_rounds):
        where = ground.new_database()
        ground.told(name)
        async with ground.started(where) as parts:
            samples[name].append(await once(partial(import_lines, parts, lines)))
        orgs = samples[name][-1].count
        rows = await asyncio.to_thread(_rows, where)
        ground.told(_COPY)
        samples[_COPY].append(await _copied(where, rows, orgs=orgs))
        ground.told(_SAVE)
        samples[_SAVE].append(await _saved(where, rows, orgs=orgs))
    taken = Taken(PART, samples)
    return [
        taken.rate(name, against=_COPY, unit="orgs/s", target=_COPIED),
        taken.rate(name, against=_SAVE, unit="orgs/s"),
    ]


async def import_lines(parts: Parts, lines: Sequence[bytes]) -> int:
    """Import the orgs of a file; returns how many came in, the held ones not counted."""
    catalog = parts.shelf.catalog

    async def earlier(command_ids: Sequence[UUID]) -> Mapping[UUID, bytes | None]:
        async with parts.ledger.reading() as connection:
            return await fingerprints(connection, command_ids)

    importer = Importer(
        translator=Translator(
            catalog=catalog,
            routes=checked_routes(shipped_routes(), catalog=catalog),
            strict=False,
            now=parts.clock.now(),
        ),
        ledger=parts.ledger,
        earlier=earlier,
        batch_id="bench",
    )
    imported = 0
    async for results in importer.run(read_lines(lines)):
        imported += sum(result.verdict is Verdict.IMPORTED for result in results)
    return imported


def _rows(where: Database) -> list[tuple[Any, ...]]:
    """The events of the orgs, as they are stored, without their hashes."""
    with psycopg.connect(where.owner_url) as connection:
        return connection.execute(
            "SELECT position, stream, version, event_id, topic, state, recorded_at"
            " FROM ledger.events WHERE stream <> 'catalog' ORDER BY position"
        ).fetchall()


async def _copied(where: Database, rows: Sequence[tuple[Any, ...]], *, orgs: int) -> Sample:
    await asyncio.to_thread(fresh_table, where.owner_url)

    async def copy() -> int:
        await asyncio.to_thread(copy_rows, where.owner_url, rows)
        return orgs

    return await once(copy)


async def _saved(where: Database, rows: Sequence[tuple[Any, ...]], *, orgs: int) -> Sample:
    facts = [read_fact(row[1], row[2], row[4], row[5]) for row in rows]
    with saving(where.owner_url) as application:

        def save_all() -> None:
            for first in range(0, len(facts), _SAVED_AT_ONCE):
                application.save(*facts[first : first + _SAVED_AT_ONCE])

        async def save() -> int:
            await asyncio.to_thread(save_all)
            return orgs

        return await once(save)
