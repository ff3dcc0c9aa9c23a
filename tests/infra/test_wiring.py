"""The composition root: what a process is made of, and how its parts hear of each other."""

import asyncio
from collections.abc import AsyncIterator
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql

from domain.commands import GrantAccess
from domain.ids import CATALOG_STREAM, ROLLOUT_STREAM, OrgId
from domain.steering import Kill, Resume
from infra.catalog import default_document
from infra.clock import LedgerClock
from infra.database import Database
from infra.ears import Ears
from infra.migrations.run import database_revision, newest_revision
from infra.postgres.embedded import EmbeddedPostgres
from infra.postgres.errors import AlreadyReleased
from infra.readiness import readiness
from infra.settings import Settings
from infra.store.append import Append, StoredFact
from infra.store.connections import UnsafeDatabase, connect, reading_pool
from infra.wiring import Parts, dialling, opened, prepare_database, running
from projections.rollout import Gates
from projections.shelf import Shelf
from tests.conftest import new_database, started
from tests.faults.proxy import Proxy
from tests.infra.migrations.conftest import making
from tests.infra.store.journals import started as running_journal
from tests.infra.store.orders import CRM, ROOT, order, registration
from tests.infra.store.world import emptied, until

pytestmark = pytest.mark.anyio

ORG = OrgId("1042")


@pytest.fixture
def database(module_database: Database) -> Database:
    """The module's database, empty again for each test."""
    return emptied(module_database)


@pytest.fixture
async def other(settings: Settings, database: Database, parts: Parts) -> AsyncIterator[Parts]:
    """Another process over the database of `parts`."""
    async with running(settings, database) as other:
        yield other


@pytest.fixture
def served(settings: Settings, database: Database) -> Settings:
    """Settings that name a server."""
    return settings.model_copy(
        update={
            "database_url": database.app_url,
            "migration_database_url": database.owner_url,
        }
    )


def changed_document() -> dict[str, object]:
    return default_document() | {"longest_trial_days": 33}


async def test_an_empty_database_is_migrated_first(
    server: EmbeddedPostgres, settings: Settings
) -> None:
    """Nobody has to think of it where the role may."""
    where = making(server)()

    prepare_database(where)

    assert database_revision(where.app_url) == newest_revision()
    async with running(settings, where) as parts:
        assert parts.shelf.version == 0


async def test_a_role_that_is_told_to_acknowledge_too_early_is_refused(
    server: EmbeddedPostgres,
) -> None:
    """It is the role that works which must be safe; the one that migrates does not append."""
    database = new_database(server)
    with psycopg.connect(database.owner_url, autocommit=True) as owner:
        name = sql.Identifier(owner.info.dbname)
        owner.execute(
            sql.SQL("ALTER ROLE ledger_app IN DATABASE {} SET synchronous_commit = off").format(
                name
            )
        )

    with pytest.raises(UnsafeDatabase, match="synchronous_commit"):
        prepare_database(database)


async def test_the_first_start_publishes_the_catalog_and_the_next_does_not(
    served: Settings, database: Database
) -> None:
    """As does each of several processes that start at once."""
    for _ in range(2):
        async with opened(served) as parts, opened(served) as beside:
            assert parts.shelf.version == beside.shelf.version == 1
    assert published(database) == 1


async def test_processes_that_start_first_at_once_publish_one_catalog(
    served: Settings, database: Database
) -> None:
    """Whoever is second finds that it says the same."""
    served_for = asyncio.Event()

    async def serve() -> int:
        async with opened(served) as parts:
            await served_for.wait()
            return parts.shelf.version

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(serve()) for _ in range(3)]
        await until(lambda: published(database) > 0)
        served_for.set()
    assert {task.result() for task in tasks} == {1}
    assert published(database) == 1


def published(database: Database) -> int:
    """How many catalogs are in the log."""
    with psycopg.connect(database.owner_url) as owner:
        row = owner.execute("SELECT count(*) FROM ledger.events WHERE stream = 'catalog'")
        found = row.fetchone()
    assert found is not None
    return int(found[0])


async def test_what_one_process_changes_the_others_hear_of(parts: Parts, other: Parts) -> None:
    """The old entry goes by itself, nobody has to ask for a version."""
    await parts.ledger.execute(registration(ORG))
    assert (await other.table.get(ORG)).version == 1

    await parts.ledger.execute(order(ORG, GrantAccess(key=CRM)))

    await until(lambda: other.table.held(ORG) is None)
    assert (await other.table.get(ORG)).version == 2


async def test_a_catalog_that_one_process_publishes_the_others_work_by(
    parts: Parts, other: Parts
) -> None:
    """Without a new start."""
    assert other.shelf.version == 1

    await parts.ledger.publish_catalog(changed_document(), by=ROOT)

    await until(lambda: other.shelf.version == 2)
    assert other.shelf.catalog.longest_trial_days == 33


async def test_a_log_of_another_epoch_makes_everybody_forget(
    parts: Parts, database: Database
) -> None:
    """After a backup was restored nothing that was held may be served."""
    await parts.ledger.execute(registration(ORG))
    assert parts.table.held(ORG) is not None

    with psycopg.connect(database.owner_url) as owner:
        owner.execute("UPDATE ledger.head SET epoch = epoch + 1")

    await until(lambda: parts.table.held(ORG) is None)
    assert (await parts.table.get(ORG)).version == 1


async def test_after_a_restore_the_catalog_of_the_backup_is_worked_by(
    parts: Parts, database: Database
) -> None:
    """The newer one, which a process still holds, is of a log that is gone."""
    await parts.ledger.publish_catalog(changed_document(), by=ROOT)
    assert parts.shelf.version == 2

    with psycopg.connect(database.owner_url) as owner:
        owner.execute("ALTER TABLE ledger.events DISABLE TRIGGER immutable")
        owner.execute("DELETE FROM ledger.events WHERE stream = 'catalog' AND version = 2")
        owner.execute("ALTER TABLE ledger.events ENABLE ALWAYS TRIGGER immutable")
        owner.execute("UPDATE ledger.head SET epoch = epoch + 1, position = position - 1")

    await until(lambda: parts.shelf.version == 1)
    assert parts.shelf.catalog.longest_trial_days != 33


async def test_a_catalog_that_could_not_be_read_is_read_as_soon_as_it_can_be(
    parts: Parts, database: Database
) -> None:
    """It was heard of once, and nobody says it again."""
    shelf = Shelf()
    with Proxy(database.app_url) as proxy:
        async with reading_pool(proxy.url) as pool:
            ears = Ears(clock=LedgerClock(), shelf=shelf, gates=Gates(), pool=pool)
            await ears.read_catalog()
            await parts.ledger.publish_catalog(changed_document(), by=ROOT)
            proxy.cut()

            ears.stream_moved(CATALOG_STREAM, version=2, position=3)
            await asyncio.sleep(0.1)
            proxy.mend()

            await until(lambda: shelf.version == 2)
            await ears.close()


async def test_a_rollout_reaches_the_other_processes(
    settings: Settings, database: Database, parts: Parts
) -> None:
    """Case 22: the kill switch lets everybody in; caches and entitlements are untouched."""
    async with started(settings, database) as elsewhere:
        await parts.ledger.execute(registration(ORG))
        held = await elsewhere.table.get(ORG)
        await parts.rollouts.steer([Kill()], by=ROOT)

        await until(lambda: elsewhere.gates.gating.ruling(ORG, CRM).rule == "kill_switch")
        assert elsewhere.table.held(ORG) is held
        await parts.rollouts.steer([Resume()], by=ROOT)
        await until(lambda: elsewhere.gates.gating.ruling(ORG, CRM).mode == "enforce")


async def test_a_rollout_that_cannot_be_read_leaves_the_last_good_one(
    parts: Parts, database: Database
) -> None:
    """It raises an alarm, and never fails towards enforcing."""
    await parts.rollouts.steer([Kill()], by=ROOT)
    unheard_of = StoredFact(uuid4(), "entitlements.GatingReinvented.v9", b"{}")
    async with running_journal(lambda: connect(database.app_url)) as journal:
        await journal.append(
            Append(
                command_id=uuid4(),
                stream=ROLLOUT_STREAM,
                expected=1,
                events=[unheard_of],
            )
        )

    await until(lambda: parts.gates.problem is not None)
    assert parts.gates.gating.ruling(ORG, CRM).rule == "kill_switch"
    gating = {check.name: check for check in await readiness(parts)}["gating"]
    assert "GatingReinvented" in gating.facts["problem"]


async def test_nothing_is_left_open(settings: Settings, database: Database) -> None:
    """Every connection is given back when a process ends in order."""
    async with started(settings, database) as parts:
        await parts.ledger.execute(registration(ORG))
        assert connections(database) > 0
    await until(lambda: connections(database) == 0)
    assert [task for task in asyncio.all_tasks() if task.get_name() in ("feed", "journal")] == []


def connections(database: Database) -> int:
    """How many the application has open."""
    with psycopg.connect(database.owner_url) as owner:
        row = owner.execute(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND usename = 'ledger_app'"
        ).fetchone()
    assert row is not None
    return int(row[0])


class Gone(EmbeddedPostgres):
    """A server that can no longer be had."""

    def __init__(self) -> None:
        """Holds nothing."""

    def ensure(self) -> None:
        raise AlreadyReleased("/gone")


async def test_an_embedded_server_that_cannot_be_had_is_a_database_that_cannot_be_reached(
    database: Database,
) -> None:
    """Whoever dials tries again later, as with any other; nothing that follows the log gives up."""
    where = Database(app_url=database.app_url, owner_url=database.owner_url, embedded=Gone())

    with pytest.raises(psycopg.OperationalError, match="released"):
        await dialling(where)()


async def test_an_embedded_server_is_looked_after_whenever_somebody_dials(
    server: EmbeddedPostgres, database: Database
) -> None:
    """And handed out as a connection of the application."""
    where = Database(app_url=database.app_url, owner_url=database.owner_url, embedded=server)
    async with await dialling(where)() as connection:
        row = await (await connection.execute("SELECT current_user")).fetchone()
    assert row == ("ledger_app",)
