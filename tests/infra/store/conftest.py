"""Connections to a database for one test, as the application and as the owner."""

from collections.abc import AsyncIterator, Iterator
from functools import partial

import psycopg
import pytest

from infra.database import Database
from infra.store.connections import connect
from infra.store.journal import Journal
from tests.infra.store.journals import started
from tests.infra.store.world import Connection, emptied


@pytest.fixture
def database(module_database: Database) -> Database:
    """The module's database, empty again for each test."""
    return emptied(module_database)


@pytest.fixture
def app(database: Database) -> Iterator[Connection]:
    """As the application's role."""
    with psycopg.connect(database.app_url, autocommit=True) as connection:
        yield connection


@pytest.fixture
def owner(database: Database) -> Iterator[Connection]:
    """As the superuser who migrated."""
    with psycopg.connect(database.owner_url, autocommit=True) as connection:
        yield connection


@pytest.fixture
async def journal(database: Database) -> AsyncIterator[Journal]:
    """A journal over the database of one test."""
    async with started(partial(connect, database.app_url)) as journal:
        yield journal
