"""How often each fault is repeated, and a database to do harm to."""

from collections.abc import Callable

import pytest

from infra.database import Database
from tests.infra.store.world import emptied

Rounds = Callable[[int], int]


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--soak N`: the long lane."""
    parser.addoption(
        "--soak", type=int, metavar="N", help="repeat each fault N times, not the few of CI"
    )


@pytest.fixture
def rounds(request: pytest.FixtureRequest) -> Rounds:
    """How often to repeat: the number given to `--soak`, else the usual one."""
    chosen: int | None = request.config.getoption("--soak", default=None)
    return lambda usual: chosen or usual


@pytest.fixture
def database(module_database: Database) -> Database:
    """The module's database, empty again for each test."""
    return emptied(module_database)
