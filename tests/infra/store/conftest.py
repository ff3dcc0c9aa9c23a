"""Connections to a database for one test, as the application and as the owner."""

from collections.abc import Iterator

import psycopg
import pytest

from infra.database import Database
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
