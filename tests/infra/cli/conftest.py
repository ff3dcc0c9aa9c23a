"""Shells over databases."""

from pathlib import Path

import pytest

from infra.database import Database
from tests.infra.cli.shell import Shell


@pytest.fixture(scope="module")
def shell(module_database: Database, tmp_path_factory: pytest.TempPathFactory) -> Shell:
    """A shell for all tests of a module; each works with orgs of its own."""
    return Shell.over(module_database, data_dir=tmp_path_factory.mktemp("cli"))


@pytest.fixture
def own_shell(database: Database, tmp_path: Path) -> Shell:
    """A shell over a database for one test."""
    return Shell.over(database, data_dir=tmp_path)
