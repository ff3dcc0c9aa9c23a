"""A ledger with a random history and checkpoints, copies of it, and what is done to them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from random import Random

import psycopg
from psycopg import AsyncConnection, sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from domain.actors import Actor, Provenance
from domain.catalog import Key
from domain.chain import chain_hash, leaf_hash
from domain.commands import (
    BlockAccess,
    Command,
    GrantAccess,
    RegisterOrg,
    ResumeOrg,
    RevokeAccess,
    SuspendOrg,
    UnblockAccess,
)
from domain.entries import Entry
from domain.ids import org_id
from domain.orders import Order
from domain.refusals import Refusal
from infra.database import Database
from infra.integrity.checkpoints import CheckpointFile
from infra.integrity.keeper import Keeper
from infra.integrity.walking import Reading
from infra.settings import Settings
from projections.chain import entries, read_end
from tests.conftest import SECRET, started

BY = Provenance(actor=Actor(id="root", type="super_admin"), reason="because the contract says so")
ORGS = [f"{number}" for number in range(1, 13)]
KEYS = [Key(name) for name in ("crm", "erp", "hr", "manufacturing", "seo")]
_COPIES = count(1)


@dataclass(frozen=True)
class Written:
    """A database with a history, and the checkpoints that were kept of it."""

    database: Database
    checkpoints: CheckpointFile


async def write_history(
    database: Database, *, directory: Path, commands: int, seed: str
) -> Written:
    """Give random commands for a dozen orgs; sign now and then, and at the end."""
    random = Random(seed)
    settings = Settings(data_dir=directory, jwt_secret=SECRET)
    async with started(settings, database) as parts:
        keeper = Keeper(parts.ledger.reading, directory=directory)
        for org in ORGS:
            order = Order(org=org_id(org), commands=[RegisterOrg(name=f"Org {org}")], by=BY)
            await parts.ledger.execute(order)
        for _ in range(commands):
            order = Order(org=org_id(random.choice(ORGS)), commands=[_command(random)], by=BY)
            with suppress(Refusal):
                await parts.ledger.execute(order)
            if random.random() < 1 / 25:
                await keeper.sign()
        await keeper.sign()
    return Written(database, CheckpointFile(directory))


def _command(random: Random) -> Command:
    key = random.choice(KEYS)
    source = random.choice(["admin", "plan:pro@1"])
    return random.choice(
        [
            GrantAccess(key=key, source=source),
            GrantAccess(key=key, source=source),
            RevokeAccess(key=key, source=source),
            BlockAccess(scope="module", key=key, category="abuse"),
            UnblockAccess(scope="module", key=key, category="abuse"),
            SuspendOrg(),
            ResumeOrg(),
        ]
    )


def copied(database: Database) -> str:
    """The owner's address of a copy in which events can be changed."""
    parts = conninfo_to_dict(database.owner_url)
    name = f"{parts['dbname']}_copy_{next(_COPIES)}"
    with psycopg.connect(make_conninfo(database.owner_url, dbname="postgres")) as admin:
        admin.autocommit = True
        statement = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
        admin.execute(statement.format(sql.Identifier(name), sql.Identifier(str(parts["dbname"]))))
    url = make_conninfo(database.owner_url, dbname=name)
    with psycopg.connect(url) as owner:
        owner.execute("ALTER TABLE ledger.events DISABLE TRIGGER immutable")
    return url


def over(connection: AsyncConnection) -> Reading:
    """Reads through one connection, and so within its transaction."""

    @asynccontextmanager
    async def reading() -> AsyncIterator[AsyncConnection]:
        yield connection

    return reading


async def log(connection: AsyncConnection) -> list[Entry]:
    """The whole log."""
    end = await read_end(connection)
    return await entries(connection, after=0, until=end.position)


async def rehash(connection: AsyncConnection, *, start: int) -> None:
    """Make the chain, the head included, right again from a position on, as a forger would."""
    rows = await log(connection)
    digest = rows[start - 2].hash if start > 1 else rows[0].hash
    hashes: list[bytes] = []
    for row in rows[start - 1 :]:
        digest = chain_hash(digest, leaf_hash(row))
        hashes.append(digest)
    positions = [row.position for row in rows[start - 1 :]]
    await connection.execute(
        "UPDATE ledger.events e SET hash = u.hash FROM unnest(%s::bigint[], %s::bytea[])"
        " AS u (position, hash) WHERE e.position = u.position",
        (positions, hashes),
    )
    await end_head(connection)


async def end_head(connection: AsyncConnection) -> None:
    """Let the head say what the last event says."""
    await connection.execute(
        "UPDATE ledger.head h SET position = e.position, hash = e.hash, recorded_at = e.recorded_at"
        "  FROM (SELECT * FROM ledger.events ORDER BY position DESC LIMIT 1) e"
    )
