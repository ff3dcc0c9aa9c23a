"""The org every story of the domain is told about."""

import pytest

from tests.domain.scenario import Scenario


@pytest.fixture
def org() -> Scenario:
    """Registered, and nothing else."""
    return Scenario()
