"""Small catalogs to test with, as documents or as what they are read to."""

from collections.abc import Sequence
from typing import Any

from domain.catalog import Catalog
from domain.catalog_document import read_catalog

Document = dict[str, Any]


def module(key: str, *submodules: Document, id: int = 1, **terms: Any) -> Document:  # noqa: A002 - the document's own word
    """A billable module unless `terms` say otherwise."""
    entry = {"id": id, "key": key, "kind": "billable", "display_name": key, "sort_order": id}
    return entry | {"submodules": list(submodules)} | terms


def submodule(key: str, *, id: int = 1, **terms: Any) -> Document:  # noqa: A002 - the document's own word
    """A submodule that is on by default unless `terms` say otherwise."""
    return {"id": id, "key": key, "display_name": key, "sort_order": id} | terms


def bundle(key: str, *modules: str, **terms: Any) -> Document:
    """A bundle of `modules`."""
    return {"key": key, "display_name": key, "modules": list(modules)} | terms


def document(*modules: Document, bundles: Sequence[Document] = (), **terms: Any) -> Document:
    """The document of a catalog with these modules and bundles."""
    return {"modules": list(modules), "bundles": list(bundles)} | terms


def catalog(*modules: Document, bundles: Sequence[Document] = (), **terms: Any) -> Catalog:
    """The first version of a catalog with these modules and bundles."""
    return read_catalog(document(*modules, bundles=bundles, **terms), version=1)
