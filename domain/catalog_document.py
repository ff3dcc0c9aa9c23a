"""The catalog as a JSON document: read, normalised once, validated, written and compared.

    {"longest_trial_days": 90,
     "modules": [{"id", "key", "kind", "display_name", "description"?, "icon"?, "sort_order",
                  "is_active"?, "aliases"?, "submodules"?: [{"id", "key", "display_name",
                  "description"?, "menu_path"?, "permission"?, "sort_order", "is_active"?,
                  "aliases"?, "default"?: "on" | "off"}]}],
     "bundles": [{"key", "display_name", "description"?, "modules": [key]}]}
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, get_args

from domain.catalog import Bundle, Catalog, Key, Kind, Module, Submodule
from domain.refusals import InvalidCatalog

_SNAKE = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
_UNSTORABLE = re.compile(r"[\x00\ud800-\udfff]")  # neither UTF-8 nor PostgreSQL's JSON holds them
_LONGEST_NUMBER = 15  # digits a JSON number carries exactly in every client
_SHOWN = 80  # characters of a wrong value that its problem repeats
_LONGEST_TRIAL_DAYS = 90
_MOST_TRIAL_DAYS = 3650

# The form of the docstring, for checking: `?` marks a field that may be absent.
_SUBMODULE = {
    "id": int,
    "key": str,
    "display_name": str,
    "description?": str | None,
    "menu_path?": str | None,
    "permission?": str | None,
    "sort_order": int,
    "is_active?": bool,
    "aliases?": [str],
    "default?": ("on", "off"),
}
_MODULE = {
    "id": int,
    "key": str,
    "kind": get_args(Kind),
    "display_name": str,
    "description?": str | None,
    "icon?": str | None,
    "sort_order": int,
    "is_active?": bool,
    "aliases?": [str],
    "submodules?": [_SUBMODULE],
}
_BUNDLE = {"key": str, "display_name": str, "description?": str | None, "modules": [str]}
_DOCUMENT = {"longest_trial_days?": int, "modules": [_MODULE], "bundles?": [_BUNDLE]}
_WORDS: dict[Any, str] = {
    str: "text",
    str | None: "text or null",
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    list: "a list",
    dict: "an object",
    type(None): "null",
}


def normalised(raw: str) -> str:
    """A raw key in lower snake case: `DataManagement` and `data-management` become `data_management`."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", raw)
    return re.sub(r"[^a-z0-9]+", "_", words.lower()).strip("_")


def read_catalog(document: Mapping[str, Any], *, version: int) -> Catalog:
    """The catalog that `document` describes; raw keys become aliases of the normalised ones.

    Fields the form does not know are left out, so that a newer release's document can be read.

    Raises:
        InvalidCatalog: names every problem of the form or, where there is none, of the content.
    """
    problems = list(_misshapen(document, _DOCUMENT, at=""))
    if not problems:
        catalog = Catalog(
            version=version,
            longest_trial_days=document.get("longest_trial_days", _LONGEST_TRIAL_DAYS),
            modules=tuple(_module(entry) for entry in document["modules"]),
            bundles=tuple(_bundle(entry) for entry in document.get("bundles", ())),
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


def _misshapen(value: object, form: Any, *, at: str) -> Iterator[str]:
    match form:
        case dict():
            yield from _misshapen_fields(value, form, at=at)
        case list() if isinstance(value, list):
            for place, item in enumerate(value):
                name = item.get("key") if isinstance(item, Mapping) else None
                label = name[:_SHOWN] if isinstance(name, str) else place
                yield from _misshapen(item, form[0], at=f"{at}[{label}]")
        case list():
            yield f"{at} is {_word(value)}, not a list"
        case tuple():
            if value not in form:
                shown = repr(value[:_SHOWN]) if isinstance(value, str) else _word(value)
                yield f"{at} is {shown}, not one of {', '.join(form)}"
        case _:
            yield from _misshapen_leaf(value, form, at=at)


def _misshapen_fields(value: object, form: dict[str, Any], *, at: str) -> Iterator[str]:
    if not isinstance(value, Mapping):
        yield f"{at or 'the document'} is {_word(value)}, not an object"
        return
    for name, inner in form.items():
        field = name.removesuffix("?")
        if field in value:
            yield from _misshapen(value[field], inner, at=f"{at}.{field}".lstrip("."))
        elif field == name:
            yield f"{at or 'the document'} lacks the field '{field}'"


def _misshapen_leaf(value: object, form: Any, *, at: str) -> Iterator[str]:
    if not isinstance(value, form) or (isinstance(value, bool) and form is not bool):
        yield f"{at} is {_word(value)}, not {_WORDS[form]}"
    elif isinstance(value, int) and abs(value) >= 10**_LONGEST_NUMBER:
        yield f"{at} has more than {_LONGEST_NUMBER} digits"
    elif isinstance(value, str) and form is str and not value.strip():
        yield f"{at} is empty"
    elif isinstance(value, str) and _UNSTORABLE.search(value):
        yield f"{at} has a character that cannot be stored"


def _word(value: object) -> str:
    return _WORDS.get(type(value), type(value).__name__)


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
        yield from (f"{name} {key!r} appears {n} times" for key, n in Counter(keys).items() if n > 1)
    known = {module.key for module in catalog.modules}
    for bundle in catalog.bundles:
        for key, n in Counter(bundle.modules).items():
            if key not in known:
                yield f"bundle '{bundle.key}' names the unknown module '{key}'"
            if n > 1:
                yield f"bundle '{bundle.key}' names the module '{key}' {n} times"


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
    return entries
