"""Importing into a real ledger: each org once ever, and whole."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

import pytest

from consumers.legacy.importing import ImportCut, Importer
from consumers.legacy.lines import read_lines
from consumers.legacy.results import RowResult, State, Verdict
from domain.actors import Actor, Provenance
from domain.commands import RegisterOrg
from domain.ids import org_id
from domain.orders import Answer, Order
from domain.refusals import Unavailable
from infra.wiring import Parts
from projections.commands import fingerprints
from tests.consumers.legacy.rows import line, translator

pytestmark = pytest.mark.anyio


async def imported(parts: Parts, lines: Iterable[bytes], **options: Any) -> list[RowResult]:
    """What importing these lines came to."""

    async def earlier(command_ids: Sequence[UUID]) -> Mapping[UUID, bytes | None]:
        async with parts.ledger.reading() as connection:
            return await fingerprints(connection, command_ids)

    size = options.pop("batch_size", 2)
    importer = Importer(
        translator=translator(),
        ledger=parts.ledger,
        earlier=earlier,
        batch_id="batch",
        **options,
    )
    return [r async for chunk in importer.run(read_lines(lines), batch_size=size) for r in chunk]


def verdicts(results: Sequence[RowResult]) -> list[Verdict]:
    """The verdicts, line by line."""
    return [result.verdict for result in results]


async def position(parts: Parts) -> int:
    """The position of the last event in the ledger."""
    async with parts.ledger.reading() as connection:
        cursor = await connection.execute("SELECT position FROM ledger.head")
        (found,) = await cursor.fetchone() or (0,)
        return int(found)


async def test_an_org_is_imported_with_all_its_facts_in_one_command(parts: Parts) -> None:
    before = await position(parts)
    rows = [line(id=7, enabled_modules={"CRM": 1, "ERP": 0}, route_access={"leads": "off"})]

    assert verdicts(await imported(parts, rows)) == [Verdict.IMPORTED]

    org = (await parts.table.get(org_id(7))).org
    assert await position(parts) == before + 3
    assert [(g.key, g.source) for g in org.grants.values()] == [("crm", "legacy")]
    assert [(b.key, b.category) for b in org.blocks.values()] == [
        ("crm.lead_management", "admin_off")
    ]


async def test_importing_again_changes_nothing(parts: Parts) -> None:
    rows = [line(id=n, enabled_modules={"CRM": True}) for n in range(1, 6)]
    await imported(parts, rows)
    before = await position(parts)

    assert verdicts(await imported(parts, rows)) == [Verdict.UNCHANGED] * 5
    assert await position(parts) == before


async def test_a_row_edited_after_its_import_is_told_and_never_applied(parts: Parts) -> None:
    """Case 28."""
    await imported(parts, [line(id=7, enabled_modules={"CRM": False})])

    (edited,) = await imported(parts, [line(id=7, enabled_modules={"CRM": True})])

    assert (edited.verdict, edited.state) == (Verdict.DIFFERING, State.HELD)
    assert [difference.code for difference in edited.differences] == ["edited_after_import"]
    assert not (await parts.table.get(org_id(7))).org.grants


async def test_an_edit_that_makes_no_sense_is_still_an_edit(parts: Parts) -> None:
    await imported(parts, [line(id=7)])
    (edited,) = await imported(parts, [line(id=7, enabled_modules={"METAVERSE": True})])
    codes = [difference.code for difference in edited.differences]
    assert (edited.verdict, codes) == (
        Verdict.DIFFERING,
        ["edited_after_import", "unknown_key"],
    )


async def test_nothing_of_a_held_org_is_written(parts: Parts) -> None:
    before = await position(parts)
    rows = [line(id=7, enabled_modules={"CRM": True, "METAVERSE": True})]

    assert verdicts(await imported(parts, rows)) == [Verdict.HELD]
    assert await position(parts) == before


async def test_a_second_row_of_an_org_is_held(parts: Parts) -> None:
    """Across chunks, and whether its id is a number or a text."""
    rows = [line(id=7), line(id=8), line(id=9), line(id="7", enabled_modules={"CRM": True})]

    *others, second = await imported(parts, rows)

    assert verdicts(others) == [Verdict.IMPORTED] * 3
    assert (second.verdict, second.differences[0].code) == (Verdict.HELD, "repeated_org")


async def test_a_broken_line_is_told_and_the_rest_goes_on(parts: Parts) -> None:
    results = await imported(parts, [line(id=1), b'{"id": 2,\n', line(id=3)])
    assert verdicts(results) == [Verdict.IMPORTED, Verdict.BROKEN, Verdict.IMPORTED]
    assert results[1].line == 2


async def test_a_dry_run_tells_the_same_and_writes_nothing(parts: Parts) -> None:
    await imported(parts, [line(id=1)])
    before = await position(parts)
    rows = [line(id=1), line(id=2, enabled_modules={"CRM": True}), line(id=3, name="")]

    results = await imported(parts, rows, dry_run=True)

    assert verdicts(results) == [Verdict.UNCHANGED, Verdict.IMPORTED, Verdict.HELD]
    assert await position(parts) == before


async def test_an_org_that_the_ledger_knows_by_another_name_is_held(parts: Parts) -> None:
    by = Provenance(actor=Actor(id="u1", type="super_admin"), reason="They are a new customer.")
    known = Order(org=org_id(7), commands=[RegisterOrg(name="Acme")], by=by)
    await parts.ledger.execute(known)

    (held,) = await imported(parts, [line(id=7, enabled_modules={"CRM": True})])

    assert (held.verdict, held.differences[0].code) == (Verdict.HELD, "org_already_registered")
    assert not (await parts.table.get(org_id(7))).org.grants


async def test_an_org_that_the_ledger_knows_already_gets_what_its_row_says(parts: Parts) -> None:
    by = Provenance(actor=Actor(id="u1", type="super_admin"), reason="They are a new customer.")
    known = Order(org=org_id(7), commands=[RegisterOrg(name="Organisation 7")], by=by)
    await parts.ledger.execute(known)

    results = await imported(parts, [line(id=7, enabled_modules={"CRM": True})])

    assert verdicts(results) == [Verdict.IMPORTED]
    assert (await parts.table.get(org_id(7))).version == 2


async def test_two_imports_at_once_import_each_org_once(parts: Parts) -> None:
    rows = [line(id=n, enabled_modules={"CRM": True}) for n in range(1, 40)]
    both = await asyncio.gather(
        imported(parts, rows, batch_size=7), imported(parts, rows, batch_size=5),
        return_exceptions=True,
    )  # fmt: skip
    await imported(parts, rows)
    async with parts.ledger.reading() as connection:
        cursor = await connection.execute(
            "SELECT count(*) FROM ledger.events WHERE stream LIKE 'org-%'"
        )
        assert (await cursor.fetchone()) == (2 * 39,), both


class Cut:
    """A ledger whose database goes away after some orders."""

    def __init__(self, parts: Parts, *, after: int) -> None:
        self._parts = parts
        self._left = after

    async def execute(self, order: Order) -> Answer:
        """Pass an order on while there are any left."""
        self._left -= 1
        if self._left < 0:
            raise Unavailable("The ledger's database went away.")
        return await self._parts.ledger.execute(order)


async def test_an_import_that_was_cut_off_is_finished_by_the_next(parts: Parts) -> None:
    rows = [line(id=n, enabled_modules={"CRM": True}) for n in range(1, 10)]

    async def earlier(command_ids: Sequence[UUID]) -> Mapping[UUID, bytes | None]:
        return {}

    cut = Importer(
        translator=translator(), ledger=Cut(parts, after=5), earlier=earlier, batch_id="b"
    )
    with pytest.raises(ImportCut):
        [_ async for _ in cut.run(read_lines(rows), batch_size=2)]

    found = await imported(parts, rows)
    assert all(result.settled for result in found)
    async with parts.ledger.reading() as connection:
        cursor = await connection.execute(
            "SELECT count(*) FROM ledger.events WHERE stream LIKE 'org-%'"
        )
        assert (await cursor.fetchone()) == (2 * 9,)
