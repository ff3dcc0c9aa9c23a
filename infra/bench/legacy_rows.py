"""The rows the import is measured with: the export beside the checkout, or rows of its shape."""

import json
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from random import Random

from consumers.legacy.mapping import shipped_routes
from domain.catalog import Catalog

EXPORT = Path("..", "shared", "data", "legacy_orgs.jsonl")  # beside the checkout
_ROOT = Path(__file__).parents[2]
_COLUMNS = ("CRM", "ERP", "MANUFACTURING", "FINANCE", "SERVICE", "HR", "ANALYTICS", "USERS")
_YES = (True, True, True, True, True, "yes", "on", "1", "enabled", "TRUE", "true", 1)
_NO = (False, False, False, "no", "off", "disabled", "false", "0", 0, "", None)


def legacy_lines(most: int, *, catalog: Catalog) -> tuple[str, Sequence[bytes]]:
    """Where the rows come from, and at most so many lines of JSON."""
    export = _ROOT / EXPORT
    if export.is_file():
        with export.open("rb") as lines:
            return EXPORT.name, list(islice(lines, most))
    return "generated rows", generated(most, catalog=catalog)


def generated(number: int, *, catalog: Catalog) -> list[bytes]:
    """Rows with as many flags, and as many ways to write them, as real exports have."""
    random = Random(number)  # noqa: S311 - the same rows in every run; guards nothing
    known = {name for module in catalog.modules for name in (module.key.upper(), *module.aliases)}
    columns = [column for column in _COLUMNS if column in known]
    routes = sorted(shipped_routes())
    return [
        json.dumps(
            {
                "id": row + 1,
                "name": f"Organisation {row + 1:05}",
                "enabled_modules": _flags(random, columns),
                "route_access": _flags(random, random.sample(routes, k=random.randint(0, 6))),
                "updated_at": "2025-04-12T07:43:00Z",
            }
        ).encode()
        for row in range(number)
    ]


def _flags(random: Random, names: Sequence[str]) -> dict[str, object]:
    return {name: random.choice(_YES if random.random() < 0.6 else _NO) for name in names}
