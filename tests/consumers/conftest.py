"""A ledger to be followed."""

import pytest

from infra.database import Database
from tests.infra.store.world import emptied


@pytest.fixture
def database(module_database: Database) -> Database:
    """The module's database, empty again for each test."""
    return emptied(module_database)
