"""A database to do harm to; how often is said by `rounds`."""

import pytest

from infra.database import Database
from tests.infra.store.world import emptied
from tests.soak import Rounds

__all__ = ["Rounds"]


@pytest.fixture
def database(module_database: Database) -> Database:
    """The module's database, empty again for each test."""
    return emptied(module_database)
