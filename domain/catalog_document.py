"""The catalog as a JSON document: read, normalised once, validated, written and compared.

Its form stands in `domain.catalog_form`.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from domain.catalog import Bundle, Catalog, Key, Module, Submodule
from domain.catalog_form import misshapen
from domain.refusals import InvalidCatalog

_SNAKE = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
_PERMISSION = re.compile(r"\*|[A-Za-z0-9_\-]+([.:][A-Za-z0-9_\-]+)*(\.\*)?")
_LONGEST_TRIAL_DAYS = 90
_MOST_TRIAL_DAYS = 3650


def normalised(raw: str) -> str:
    """A raw key in lower snake case: `DataManagement`, `data-management` → `data_management`."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", raw)
    return re.sub(r"[^a-z0-9]+", "_", words.lower()).strip("_")


def read_catalog(document: Mapping[str, Any], *, version: int) -> Catalog:
    """The catalog that `document` describes; raw keys become aliases of the normalised ones.

    Fields the form does not know are left out, so that a newer release's document can be read.

    Raises:
        InvalidCatalog: names every problem of the form or, where there is none, of the content.
    """
    problems = list(misshapen(document))
    if not problems:
        catalog = Catalog(
            version=version,
            longest_trial_days=document.get("longest_trial_days", _LONGEST_TRIAL_DAYS),
            modules=tuple(_module(entry) for entry in document["modules"]),
            bundles=tuple(_bundle(entry) for entry in document.get("bundles", ())),
            **_roles(document),
        )
        problems = list(_problems(catalog))
        if not problems:
            return catalog
    raise InvalidCatalog(problems)


def write_catalog(catalog: Catalog) -> dict[str, Any]:
    """The document `read_catalog` reads back to an equal catalog."""
    return {
        "longest_trial_days": catalog.longest_trial_days,
        "modules": [_written(module) for module in catalog.modules],
        "bundles": [
            {**asdict(bundle), "modules": list(bundle.modules)} for bundle in catalog.bundles
        ],
        "role_permissions": {role: list(may) for role, may in catalog.role_permissions.items()},
    }


def _written(module: Module) -> dict[str, Any]:
    entry = asdict(module)
    entry["aliases"] = list(module.aliases)
    entry["submodules"] = []
    for sub in module.submodules:
        sub_entry = asdict(sub) | {"aliases": list(sub.aliases)}
        sub_entry["default"] = "on" if sub_entry.pop("on_by_default") else "off"
        entry["submodules"].append(sub_entry)
    return entry


def _names(entry: Mapping[str, Any]) -> tuple[str, tuple[str, ...]]:
    raw, aliases = entry["key"], list(entry.get("aliases", ()))
    key = normalised(raw)
    if raw != key and raw not in aliases:
        aliases.append(raw)
    return key, tuple(aliases)


def _module(entry: Mapping[str, Any]) -> Module:
    key, aliases = _names(entry)
    return Module(
        id=entry["id"],
        key=Key(key),
        kind=entry["kind"],
        display_name=entry["display_name"],
        description=entry.get("description"),
        icon=entry.get("icon"),
        sort_order=entry["sort_order"],
        is_active=entry.get("is_active", True),
        aliases=aliases,
        submodules=tuple(_submodule(sub) for sub in entry.get("submodules", ())),
    )


def _submodule(entry: Mapping[str, Any]) -> Submodule:
    key, aliases = _names(entry)
    return Submodule(
        id=entry["id"],
        key=key,
        display_name=entry["display_name"],
        description=entry.get("description"),
        menu_path=entry.get("menu_path"),
        permission=entry.get("permission"),
        sort_order=entry["sort_order"],
        is_active=entry.get("is_active", True),
        on_by_default=entry.get("default", "on") == "on",
        aliases=aliases,
    )


def _bundle(entry: Mapping[str, Any]) -> Bundle:
    return Bundle(
        key=normalised(entry["key"]),
        display_name=entry["display_name"],
        description=entry.get("description"),
        modules=tuple(Key(normalised(module)) for module in entry["modules"]),
    )


def _roles(document: Mapping[str, Any]) -> dict[str, Any]:
    """What each role may by itself; a document that does not say leaves it at the catalog's."""
    said = document.get("role_permissions")
    return {} if said is None else {"role_permissions": {r: tuple(m) for r, m in said.items()}}


def _problems(catalog: Catalog) -> Iterator[str]:
    if not 1 <= catalog.longest_trial_days <= _MOST_TRIAL_DAYS:
        yield f"longest_trial_days must be 1 to {_MOST_TRIAL_DAYS}"
    yield from _misspelt(catalog)
    for name, keys in (
        ("module", [m.key for m in catalog.modules]),
        ("module id", [m.id for m in catalog.modules]),
        ("submodule id", [s.id for m in catalog.modules for s in m.submodules]),
        ("submodule", [f"{m.key}.{s.key}" for m in catalog.modules for s in m.submodules]),
        ("bundle", [b.key for b in catalog.bundles]),
    ):
        repeated = ((key, n) for key, n in Counter(keys).items() if n > 1)
        yield from (f"{name} {key!r} appears {n} times" for key, n in repeated)
    known = {module.key for module in catalog.modules}
    for bundle in catalog.bundles:
        for key, n in Counter(bundle.modules).items():
            if key not in known:
                yield f"bundle '{bundle.key}' names the unknown module '{key}'"
            if n > 1:
                yield f"bundle '{bundle.key}' names the module '{key}' {n} times"
    yield from _role_problems(catalog)


def _role_problems(catalog: Catalog) -> Iterator[str]:
    for role, permissions in catalog.role_permissions.items():
        if not _SNAKE.fullmatch(role):
            yield f"'{role}' is not a role in lower snake case"
        for permission, n in Counter(permissions).items():
            if not _PERMISSION.fullmatch(permission):
                yield (
                    f"role '{role}' has {permission!r}, which is neither a permission, "
                    "nor one that ends in '.*', nor '*'"
                )
            if n > 1:
                yield f"role '{role}' has the permission '{permission}' {n} times"


def _misspelt(catalog: Catalog) -> Iterator[str]:
    for module in catalog.modules:
        if not _SNAKE.fullmatch(module.key):
            yield f"'{module.key}' is not a module key in lower snake case"
        for sub in module.submodules:
            if not _SNAKE.fullmatch(sub.key):
                yield f"'{module.key}.{sub.key}' is not a submodule key in lower snake case"
    for bundle in catalog.bundles:
        if not _SNAKE.fullmatch(bundle.key):
            yield f"'{bundle.key}' is not a bundle key in lower snake case"
    meant: dict[str, set[Key]] = {}
    for spelling, key in catalog.spellings():
        meant.setdefault(spelling, set()).add(key)
    for spelling, keys in meant.items():
        if len(keys) > 1:
            yield f"'{spelling}' could mean {' or '.join(sorted(keys))}"


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogChange:
    """One difference between two catalogs, for people and for the event that publishes it."""

    what: str  # added | removed | retired | revived | changed
    key: str
    fields: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.what} {self.key}" + (f" ({', '.join(self.fields)})" if self.fields else "")


def compare(old: Catalog | None, new: Catalog) -> list[CatalogChange]:
    """What publishing `new` after `old` changes, in the order of `new`, removals last."""
    before, after = _entries(old), _entries(new)
    changes = []
    for key, entry in after.items():
        was = before.get(key)
        if was is None:
            changes.append(CatalogChange(what="added", key=key))
        elif was != entry:
            fields = tuple(sorted(f for f in entry if entry[f] != was.get(f)))
            what = "changed"
            if "is_active" in fields:
                what = "revived" if entry["is_active"] else "retired"
            changes.append(CatalogChange(what=what, key=key, fields=fields))
    changes += [CatalogChange(what="removed", key=key) for key in before if key not in after]
    return changes


def _entries(catalog: Catalog | None) -> dict[str, dict[str, Any]]:
    if catalog is None:
        return {}
    entries: dict[str, dict[str, Any]] = {
        "longest_trial_days": {"days": catalog.longest_trial_days}
    }
    for module in catalog.modules:
        entry = asdict(module)
        del entry["submodules"]
        entries[module.key] = entry
        entries |= {key: asdict(sub) for key, sub in module.by_submodule.items()}
    entries |= {f"bundle:{bundle.key}": asdict(bundle) for bundle in catalog.bundles}
    entries |= {
        f"role:{role}": {"permissions": permissions}
        for role, permissions in catalog.role_permissions.items()
    }
    return entries
