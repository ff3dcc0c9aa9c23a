"""Publishing a catalog: the stream of catalogs, and what a new one may not break."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from domain.actors import Provenance
from domain.catalog import Catalog, Key, Module, is_submodule, module_of
from domain.catalog_document import CatalogChange, compare, read_catalog, write_catalog
from domain.facts import CatalogPublished, common
from domain.ids import CATALOG_STREAM
from domain.refusals import InvalidCatalog, ModuleStillGranted


def publish(
    current: Catalog | None,
    document: Mapping[str, Any],
    *,
    granted: Mapping[Key, int],
    force: bool,
    now: datetime,
    by: Provenance,
) -> tuple[Catalog, list[CatalogChange], CatalogPublished | None]:
    """The catalog that `document` makes of `current`, and the fact, None when nothing differs.

    Args:
        granted: how many orgs hold a live grant of each key.

    Raises:
        InvalidCatalog: the document contradicts itself, or moves an id to another key.
        ModuleStillGranted: it retires or drops a key that is granted, or such a key's module,
            without `force`.
    """
    version = current.version if current else 0
    new = read_catalog(document, version=version + 1)
    _keep_ids(current, new)
    changes = compare(current, new)
    if current is not None and not changes:
        return current, [], None
    leaving = _leaving(changes, granted)
    if leaving and not force:
        raise ModuleStillGranted(leaving, orgs=max(granted[key] for key in leaving))
    content: dict[str, Any] = {  # spelt as a dict: type checkers miss what the metaclass makes
        "originator_id": CATALOG_STREAM,
        "originator_version": new.version,
        "document": write_catalog(new),
        "changes": [str(change) for change in changes],
        "forced": bool(leaving),
    }
    return new, changes, CatalogPublished(**common(now=now, by=by, effective_at=now), **content)


def _leaving(changes: list[CatalogChange], granted: Mapping[Key, int]) -> list[Key]:
    """The granted keys that go, whether by themselves or with their module."""
    gone = {change.key for change in changes if change.what in ("retired", "removed")}
    return sorted(
        key for key, orgs in granted.items() if orgs and (key in gone or module_of(key) in gone)
    )


def _keep_ids(current: Catalog | None, new: Catalog) -> None:
    if current is None:
        return
    before, after = _ids(current), _ids(new)
    owners = {(is_submodule(key), number): key for key, number in before.items()}
    problems = []
    for key, number in after.items():
        owner = owners.get((is_submodule(key), number), key)
        if before.get(key, number) != number:
            problems.append(f"'{key}' has id {before[key]} and cannot take {number}")
        elif owner != key:
            problems.append(f"id {number} belongs to '{owner}' and cannot go to '{key}'")
    if problems:
        raise InvalidCatalog(problems)


def _ids(catalog: Catalog) -> dict[Key, int]:
    modules: tuple[Module, ...] = catalog.modules
    ids: dict[Key, int] = {module.key: module.id for module in modules}
    return ids | {key: sub.id for m in modules for key, sub in m.by_submodule.items()}
