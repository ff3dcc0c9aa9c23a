"""The inline views and snapshots: written with every append, byte for byte a fold of the log."""

from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import datetime, timedelta
from random import Random
from typing import Any

import psycopg
import pytest

from domain.catalog import Catalog
from domain.commands import ApplyBundle, BlockAccess, GrantAccess, RevokeAccess
from domain.effective import effective_map
from domain.ids import OrgId, org_stream
from domain.org import Org
from domain.refusals import Refusal
from infra.catalog import default_document
from infra.database import Database
from infra.settings import Settings
from infra.wiring import Parts
from projections import current, legacy
from tests.conftest import started
from tests.infra.store.orders import CRM, ROOT, order, random_commands, registration
from tests.infra.store.world import Connection, emptied, fold, log, streams

us = timedelta(microseconds=1)
ORGS = ("1", "2", "acme", "zz.top")


@pytest.fixture(scope="module")
def database(module_database: Database) -> Database:
    """One history for all tests of this module."""
    return emptied(module_database)


@pytest.fixture(scope="module")
async def written(
    database: Database, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Parts]:
    """A ledger that has carried out random orders, and has retired a module meanwhile."""
    settings = Settings(data_dir=tmp_path_factory.mktemp("views"), jwt_secret="x" * 32)
    random = Random(5)
    async with started(settings, database) as parts:
        for org in ORGS:
            await parts.ledger.execute(registration(org))
        for number in range(240):
            commands = random_commands(random, now=parts.clock.now())
            with suppress(Refusal):
                await parts.ledger.execute(order(random.choice(ORGS), *commands))
            if number == 120:
                document = default_document()
                hr = next(m for m in document["modules"] if m["key"] == "hr")
                await parts.ledger.publish_catalog(
                    document | {"modules": [*_others(document), hr | {"is_active": False}]},
                    by=ROOT,
                    force=True,
                )
        yield parts


def _others(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [module for module in document["modules"] if module["key"] != "hr"]


@pytest.mark.anyio
async def test_the_views_are_byte_for_byte_a_fold_of_the_log(
    written: Parts, app: Connection
) -> None:
    """I5: both rows of every org, with its version and its last position."""
    found = app.execute(
        "SELECT c.org, name, c.org_version, l.org_version, position, state, l.granted"
        "  FROM ledger.current_entitlements c FULL JOIN ledger.legacy_enabled_modules l USING (org)"
        " ORDER BY org"
    ).fetchall()
    expected = []
    for org, rows in sorted(streams(log(app)).items()):
        folded, last = fold(rows), rows[-1]
        expected.append(
            (
                org,
                folded.name,
                last.version,
                last.version,
                last.position,
                current.written(folded),
                legacy.written(folded),
            )
        )
    assert found == expected
    assert sum(version for _, _, version, *_ in found) > 200


@pytest.mark.anyio
async def test_the_state_row_reads_back_as_the_fold(written: Parts, app: Connection) -> None:
    """What is decided on next is what the facts add up to."""
    for org, rows in streams(log(app)).items():
        entry = await written.table.get(org)
        assert current.written(entry.org) == current.written(fold(rows))
        assert (entry.version, entry.org.modified_on) == (rows[-1].version, rows[-1].fact.timestamp)


@pytest.mark.anyio
async def test_the_legacy_function_agrees_at_every_boundary(
    written: Parts, app: Connection
) -> None:
    """I9: at, one microsecond before and one after each instant at which anything changes."""
    compared = 0
    for org, rows in streams(log(app)).items():
        folded = fold(rows)
        instants = {b + step for b in set(folded.lanes.instants()) for step in (-us, 0 * us, us)}
        found = app.execute(
            "SELECT at, ledger.enabled_modules(%s, at) FROM unnest(%s::timestamptz[]) AS at",
            (org, sorted(instants)),
        ).fetchall()
        for at, view in found:
            assert view == python_view(folded, written.shelf.catalog, at), (org, at)
        compared += len(found)
    assert compared > 100


def python_view(org: Org, catalog: Catalog, at: datetime) -> dict[str, bool]:
    return legacy.enabled_modules(catalog, effective_map(org.lanes, catalog, at))


@pytest.mark.anyio
async def test_the_legacy_function_knows_retired_modules_and_no_org_but_its_own(
    written: Parts, app: Connection
) -> None:
    """A module that was retired is false whatever grants say; an unknown org has no view."""
    shown = app.execute("SELECT ledger.enabled_modules('1'), ledger.enabled_modules('none')")
    view, nothing = shown.fetchall()[0]
    assert nothing is None
    assert view["HR"] is False
    assert view["USERS"] is True
    assert set(view) == {m.key.upper() for m in written.shelf.catalog.billable} | {"USERS"}


@pytest.mark.anyio
async def test_a_snapshot_is_taken_at_every_hundredth_version(
    written: Parts, app: Connection
) -> None:
    """It is the fold up to there; an order that steps over the hundred leaves one where it ends."""
    ledger = written.ledger
    await ledger.execute(registration("long"))
    for number in range(1, 98):
        change = GrantAccess if number % 2 else RevokeAccess
        await ledger.execute(order("long", change(key=CRM)))
    await ledger.execute(order("long", ApplyBundle(bundle="crm_suite")))
    for number in range(98):
        change = GrantAccess if number % 2 == 0 else RevokeAccess
        await ledger.execute(order("long", change(key=CRM, source="plan:gold@3")))

    rows = streams(log(app))[OrgId("long")]

    assert rows[98].topic == rows[101].topic == "entitlements.ModuleGranted.v1"  # the bundle's
    assert snapshots(app, "long") == {
        102: current.written(fold(rows[:102])),
        200: current.written(fold(rows[:200])),
    }
    assert all(
        state == current.written(fold(streams(log(app))[OrgId(org)][:version]))
        for org in ORGS
        for version, state in snapshots(app, org).items()
    )


def snapshots(connection: Connection, org: str) -> dict[int, bytes]:
    found = connection.execute(
        "SELECT version, state FROM ledger.snapshots WHERE stream = %s", (org_stream(OrgId(org)),)
    )
    return dict(found.fetchall())


@pytest.mark.anyio
async def test_a_view_that_was_written_by_hand_is_told_from_the_fold(
    written: Parts, app: Connection, database: Database
) -> None:
    """The mutant: a row that grants what no fact grants is not the fold."""
    await written.ledger.execute(registration("tampered", GrantAccess(key=CRM)))
    await written.ledger.execute(order("tampered", BlockAccess(scope="org", category="compliance")))
    with psycopg.connect(database.owner_url) as owner:
        owner.execute(
            "UPDATE ledger.current_entitlements SET state = convert_to(replace(convert_from("
            " state, 'UTF8'), 'compliance', 'suspension'), 'UTF8') WHERE org = 'tampered'"
        )
    row = app.execute(
        "SELECT state FROM ledger.current_entitlements WHERE org = 'tampered'"
    ).fetchone()

    [folded] = [fold(rows) for org, rows in streams(log(app)).items() if org == "tampered"]

    assert row is not None
    assert row[0] != current.written(folded)
    with psycopg.connect(database.owner_url) as owner:
        owner.execute(
            "UPDATE ledger.current_entitlements SET state = %s WHERE org = 'tampered'",
            (current.written(folded),),
        )
