"""The shipped mapping of routes on to submodules."""

from dataclasses import replace

import pytest

from consumers.legacy.mapping import MappingOutdated, checked_routes, shipped_routes
from domain.catalog import is_submodule
from tests.consumers.legacy.rows import shipped_catalog


def test_every_shipped_target_is_a_submodule_of_the_shipped_catalog() -> None:
    catalog = shipped_catalog()
    routes = checked_routes(shipped_routes(), catalog=catalog)
    assert len(routes) == 29
    assert all(is_submodule(key) and key in catalog.keys for key in routes.values())


def test_no_two_flags_stand_for_the_same_submodule() -> None:
    targets = list(shipped_routes().values())
    assert len(set(targets)) == len(targets)


def test_a_catalog_that_lacks_targets_is_refused_with_each_of_them() -> None:
    catalog = shipped_catalog()
    without = tuple(module for module in catalog.modules if module.key not in ("erp", "crm"))
    with pytest.raises(MappingOutdated) as refused:
        checked_routes(shipped_routes(), catalog=replace(catalog, modules=without))
    missing = refused.value.facts["missing"]
    assert {target.partition(".")[0] for target in missing.values()} == {"erp", "crm"}
    assert missing["leads"] == "crm.lead_management"


def test_a_target_that_is_a_module_is_refused() -> None:
    with pytest.raises(MappingOutdated):
        checked_routes({"leads": "crm"}, catalog=shipped_catalog())
