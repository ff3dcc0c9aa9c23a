"""Which submodule each legacy `route_access` flag stands for: shipped data, checked before use."""

import json
from collections.abc import Mapping
from pathlib import Path

from domain.catalog import Catalog, Key, is_submodule
from domain.refusals import Contradicted, UnknownKey

Routes = Mapping[str, Key]
"""Submodules by flag, the flags in lower case."""


class MappingOutdated(Contradicted):
    """The catalog in force lacks submodules that legacy flags stand for."""

    code = "legacy_mapping_outdated"
    hint = "Publish a catalog that has them ('entitlements catalog diff' shows what it has)."

    def __init__(self, missing: Mapping[str, str]) -> None:
        named = ", ".join(f"'{target}' (route_access.{flag})" for flag, target in missing.items())
        super().__init__(f"The catalog has no submodule {named}.", missing=dict(missing))


class UnknownFlag(UnknownKey):
    """A `route_access` flag that no submodule is mapped to."""

    code = "unknown_flag"

    def __init__(self, flag: str) -> None:
        super().__init__(flag)
        self.message = f"No submodule is mapped to the route_access flag '{flag[:120]}'."


def shipped_routes() -> dict[str, str]:
    """The mapping as it is shipped; a flag that is not set means enabled."""
    text = Path(__file__).with_suffix(".json").read_text(encoding="utf-8")
    routes: dict[str, str] = json.loads(text)["route_access"]
    return routes


def checked_routes(routes: Mapping[str, str], *, catalog: Catalog) -> Routes:
    """`routes` with every target resolved.

    Raises:
        MappingOutdated: names every target that `catalog` does not have.
    """
    found = {flag: _target(raw, catalog=catalog) for flag, raw in routes.items()}
    missing = {flag: routes[flag] for flag, key in found.items() if key is None}
    if missing:
        raise MappingOutdated(missing)
    return {flag.lower(): key for flag, key in found.items() if key is not None}


def _target(raw: str, *, catalog: Catalog) -> Key | None:
    try:
        key = catalog.resolve(raw)
    except UnknownKey:
        return None
    return key if is_submodule(key) else None
