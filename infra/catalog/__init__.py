"""The catalog that ships with the product; a first start publishes it unless told otherwise."""

import json
from importlib.resources import files
from typing import Any


def default_document() -> dict[str, Any]:
    """The shipped catalog as a new document, in the form that `domain.catalog_form` describes."""
    text = files(__name__).joinpath("default.json").read_text(encoding="utf-8")
    document: dict[str, Any] = json.loads(text)
    return document
