"""The table that most of these tests ask."""

import pytest

from tests.projections.fakes import World


@pytest.fixture
def world() -> World:
    """A table that is empty, over a ledger that knows one org."""
    return World()
