"""The catalog this product ships: what the very first start publishes where nobody says otherwise."""

import json
from importlib.resources import files
from typing import Any


def default_document() -> dict[str, Any]:
    """The shipped catalog, in the form `domain.catalog_document` reads; a fresh one on every call."""
    text = files(__name__).joinpath("default.json").read_text(encoding="utf-8")
    document: dict[str, Any] = json.loads(text)
    return document
