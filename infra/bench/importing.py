"""The legacy import: a file of orgs, read, translated, judged and appended with their views."""

from collections.abc import Callable, Mapping, Sequence
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
from infra.bench.rounds import Sample, in_turns, once
from infra.bench.samples import shipped_catalog
from infra.bench.taken import Taken
from infra.bench.threads import in_thread
from infra.store.mapper import read_fact
from infra.wiring import Parts
from projections.commands import fingerprints

PART = "import"
_COPY = "COPY of the same events' rows"
_SAVED_AT_ONCE = 100  # of many more, the pipeline it sends them through may never see the end
_SAVE = f"the library's app.save, {_SAVED_AT_ONCE} events each"
_COPIED = Target(of="ratio", sense="at least", bound=0.4, later=True)


async def legacy_import(ground: Ground) -> list[Figure]:
    """Each round in a database of its own, against a bare COPY and the library's `app.save`."""
    source, lines = legacy_lines(ground.sizes.imported_orgs, catalog=shipped_catalog())
    name, imports = f"legacy import of {source}", _Imports(ground, lines)
    arms = {name: imports.imported, _COPY: imports.copied, _SAVE: imports.saved}
    rounds = ground.sizes.few_rounds
    taken = Taken(PART, await in_turns(arms, rounds=rounds, warm_up=False, told=ground.told))
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


class _Imports:
    """An import, and then what it wrote once more, each in another way."""

    def __init__(self, ground: Ground, lines: Sequence[bytes]) -> None:
        self._ground = ground
        self._lines = lines
        self._url = ""
        self._orgs = 0
        self._rows: list[tuple[Any, ...]] = []

    async def imported(self) -> Sample:
        """Into a new database, with views, command ids and hashes."""
        where = self._ground.new_database()
        async with self._ground.started(where) as parts:
            sample = await once(partial(import_lines, parts, self._lines))
        self._url, self._orgs = where.owner_url, sample.count
        self._rows = await in_thread(_event_rows, where.owner_url)
        return sample

    async def copied(self) -> Sample:
        """The events alone, as they are stored."""
        await in_thread(fresh_table, self._url)
        return await self._timed(partial(copy_rows, self._url, self._rows))

    async def saved(self) -> Sample:
        """The events alone, as the library stores them."""
        facts = [read_fact(row[1], row[2], row[4], row[5]) for row in self._rows]
        with saving(self._url) as application:

            def save_all() -> None:
                for first in range(0, len(facts), _SAVED_AT_ONCE):
                    application.save(*facts[first : first + _SAVED_AT_ONCE])

            return await self._timed(save_all)

    async def _timed(self, act: Callable[[], None]) -> Sample:
        async def orgs() -> int:
            await in_thread(act)
            return self._orgs

        return await once(orgs)


def _event_rows(url: str) -> list[tuple[Any, ...]]:
    """The events of the orgs without their hashes."""
    with psycopg.connect(url) as connection:
        return connection.execute(
            "SELECT position, stream, version, event_id, topic, state, recorded_at"
            " FROM ledger.events WHERE stream <> 'catalog' ORDER BY position"
        ).fetchall()
