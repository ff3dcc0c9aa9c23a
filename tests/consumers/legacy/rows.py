"""Legacy rows as tests write them, and what a translator makes of one."""

import json
from datetime import UTC, datetime
from typing import Any

from consumers.legacy.lines import Row, read_line
from consumers.legacy.mapping import checked_routes, shipped_routes
from consumers.legacy.translation import Translation, Translator
from domain.catalog import Catalog
from domain.catalog_document import read_catalog
from infra.catalog import default_document

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
UPDATED = "2025-06-01T08:30:00Z"


def shipped_catalog() -> Catalog:
    """The catalog of a first start."""
    return read_catalog(default_document(), version=1)


def row(**fields: Any) -> dict[str, Any]:
    """A row with nothing granted and nothing wrong, but for `fields`."""
    return {
        "id": 7,
        "name": "Organisation 7",
        "enabled_modules": {},
        "route_access": {},
        "updated_at": UPDATED,
    } | fields


def line(**fields: Any) -> bytes:
    """The same as a line of the export."""
    return json.dumps(row(**fields)).encode() + b"\n"


def written(text: str) -> dict[str, Any]:
    """A row exactly as `text` writes it, keys that stand twice included."""
    read = read_line(text.encode(), number=1)
    assert isinstance(read, Row)
    return read.content


def translator(
    *, catalog: Catalog | None = None, strict: bool = False, now: datetime = NOW
) -> Translator:
    """A translator by the shipped catalog and mapping."""
    catalog = catalog or shipped_catalog()
    routes = checked_routes(shipped_routes(), catalog=catalog)
    return Translator(catalog=catalog, routes=routes, strict=strict, now=now)


def translated(**fields: Any) -> Translation:
    """What the translator makes of a row."""
    return translator().translate(row(**fields))


def codes(translation: Translation) -> list[tuple[str, str]]:
    """The differences, by code and place."""
    return [(difference.code, difference.field) for difference in translation.differences]
