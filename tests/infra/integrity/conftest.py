"""A written ledger for all tests of a module, and a copy of it to do harm to."""

import asyncio
from collections.abc import AsyncIterator

import psycopg
import pytest
from psycopg import AsyncConnection

from infra.database import Database
from tests.infra.integrity.world import Written, copied, write_history


@pytest.fixture(scope="module")
def written(module_database: Database, tmp_path_factory: pytest.TempPathFactory) -> Written:
    """A random history of some hundred events, signed now and then."""
    directory = tmp_path_factory.mktemp("kept")
    return asyncio.run(
        write_history(module_database, directory=directory, commands=400, seed="one history")
    )


@pytest.fixture(scope="module")
def copy_url(written: Written) -> str:
    """A copy of its database, in which the owner may change events."""
    return copied(written.database)


@pytest.fixture
async def forger(copy_url: str) -> AsyncIterator[AsyncConnection]:
    """The owner in that copy; whatever is done is undone after the test."""
    async with (
        await psycopg.AsyncConnection.connect(copy_url, autocommit=True) as connection,
        connection.transaction(force_rollback=True),
    ):
        yield connection
