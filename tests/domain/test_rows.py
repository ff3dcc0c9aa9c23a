"""A row says of every key what the judgement of that key alone says."""

from datetime import datetime

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import invariant, run_state_machine_as_test

from domain.catalog import Key
from domain.decision import CELLS, DISABLED_BY, REASONS, STATUSES
from domain.effective import Lanes, denied_by, effective
from domain.facts import ModuleGranted
from domain.rows import Columns, cell_of
from tests.api.vectors import CATALOGS, SCENES
from tests.domain.histories import Histories
from tests.domain.oracle import both
from tests.domain.scenario import Scenario, fact
from tests.domain.world import CATALOG, EMAIL, FAX, noon, us

COLUMNS = Columns(CATALOG)


def agree(columns: Columns, lanes: Lanes, at: datetime) -> None:
    """Row, cell and the effective state say the same of every key."""
    row = columns.row(lanes, at)
    assert len(row) == len(columns.keys)
    for place, key in enumerate(columns.keys):
        assert columns.place_of[key] == place
        assert row[place] == cell_of(lanes, columns.catalog, key, at), key
        assert STATUSES[row[place]] == effective(lanes, columns.catalog, key, at).label
        assert REASONS[row[place]] == denied_by(lanes, columns.catalog, key, at)


@pytest.mark.parametrize("number", [1, 2, len(COLUMNS.keys)])
def test_the_cells_of_some_keys_are_picked_in_their_order(number: int) -> None:
    """Asked once or again, and one key no other way than many."""
    keys = COLUMNS.keys[::-1][:number]
    row = bytes(range(len(COLUMNS.keys)))
    for _ in range(2):
        places = COLUMNS.places(keys)
        assert places is not None
        assert [*places.of(row)] == [COLUMNS.place_of[key] for key in keys]
        assert [*places.names] == [str(COLUMNS.place_of[key]) for key in keys]


def test_what_is_not_spelt_as_the_catalog_spells_it_has_no_place() -> None:
    for stranger in ("telegraph", EMAIL.upper()):
        assert COLUMNS.places((EMAIL, stranger)) is None


def test_every_cell_has_a_status_and_a_reason() -> None:
    """A cell added in one place only would be read as another."""
    assert len(STATUSES) == len(REASONS) == len(CELLS) == 3 + len(DISABLED_BY)


@pytest.mark.parametrize("scene", SCENES.values(), ids=list(SCENES))
def test_a_row_agrees_in_every_scene_of_the_vectors(scene: object) -> None:
    """They have every way to be denied."""
    assert isinstance(scene, type(SCENES["crm"]))
    catalog = CATALOGS[scene.catalog]
    lanes = Scenario(catalog=catalog).given(*scene.facts).lanes
    agree(Columns(catalog), lanes, scene.at)


@pytest.mark.parametrize("key", [FAX, EMAIL])
def test_grants_of_what_is_retired_or_exempt_count_for_nothing(key: Key) -> None:
    """Whether they run or are over: neither is gated by them."""
    org = Scenario().given(fact(ModuleGranted, key=key, ends=noon))
    for at in (noon - us, noon):
        agree(COLUMNS, org.lanes, at)


class Compiled(Histories):
    """Whatever an org has been through, at every boundary and a microsecond around it."""

    @invariant()
    def rows_agree(self) -> None:
        boundaries = self.oracle.boundaries(since=self.now)
        for at in (self.now, *both(boundaries, apart=us)):
            agree(COLUMNS, self.org.lanes, at)


def test_a_row_agrees_after_any_history() -> None:
    some = settings(
        max_examples=25,
        stateful_step_count=25,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(Compiled, settings=some)
