"""The catalog on a terminal, and as the document that describes it."""

from typing import Any

from domain.catalog import Catalog, Module
from domain.catalog_document import write_catalog
from infra.cli.output import plain, show
from infra.cli.tables import table


def document(catalog: Catalog, module: Module | None) -> dict[str, Any]:
    """The whole catalog as 'catalog apply' reads it, or one module's entry of it."""
    written = write_catalog(catalog)
    if module is None:
        return written
    return next(entry for entry in written["modules"] if entry["key"] == module.key)


def print_catalog(catalog: Catalog) -> None:
    """Print every module and every bundle."""
    modules = [
        (
            module.key,
            plain(module.display_name),
            module.kind if module.is_active else f"{module.kind}, retired",
            str(len(module.submodules)),
        )
        for module in catalog.modules
    ]
    bundles = [(bundle.key, ", ".join(bundle.modules)) for bundle in catalog.bundles]
    show(f"Catalog version {catalog.version}: {len(modules)} modules, {len(bundles)} bundles.")
    show(table("module", "name", "kind", "submodules", rows=modules, right=("submodules",)))
    show(table("bundle", "modules", rows=bundles))


def print_module(module: Module) -> None:
    """Print one module with its submodules."""
    state = "" if module.is_active else ", retired"
    show(f"{module.key}: {plain(module.display_name)} ({module.kind}{state})")
    if module.description:
        show(plain(module.description))
    if not module.submodules:
        show("It has no submodules.")
        return
    rows = [
        (
            key,
            plain(sub.display_name),
            sub.menu_path or "",
            sub.permission or "",
            ("on" if sub.on_by_default else "off") if sub.is_active else "retired",
        )
        for key, sub in module.by_submodule.items()
    ]
    show(table("submodule", "name", "menu path", "permission", "default", rows=rows))
