"""`entitlements catalog`: what can be granted at all."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from infra.cli.files import EXISTING, read_json
from infra.cli.options import dry_run_option, reason_option
from infra.cli.output import json_option, print_json, show
from infra.cli.usage import example
from infra.cli.work import over_ledger

if TYPE_CHECKING:
    from domain.catalog import Catalog
    from infra.wiring import Parts


@click.group(
    epilog=example("entitlements catalog show crm", "entitlements catalog diff catalog.json")
)
def catalog() -> None:
    """Show, compare and publish what can be granted at all."""


@catalog.command(
    epilog=example(
        'entitlements catalog apply catalog.json --dry-run --reason "Look at the spring catalog"',
        'entitlements catalog apply catalog.json --reason "The spring catalog, agreed in May"',
    )
)
@click.argument("file", type=EXISTING)
@click.option("--force", is_flag=True, help="Retire modules that are still granted, too.")
@dry_run_option
@reason_option
@json_option
def apply(*, file: Path, force: bool, dry_run: bool, reason: str, as_json: bool) -> None:
    """Publish a catalog document as the next version."""
    from domain.actors import Provenance
    from infra.cli.actor import shell_actor

    content = read_json(file)
    by = Provenance(actor=shell_actor(), reason=reason)

    async def publish(parts: "Parts") -> "tuple[Catalog, list[str]]":
        return await parts.ledger.publish_catalog(content, by=by, force=force, dry_run=dry_run)

    published, changes = over_ledger(publish)
    if as_json:
        version = published.version
        document = {"catalog_version": version, "changes": changes, "changed": bool(changes)}
        print_json(document | ({"dry_run": True} if dry_run else {}))
        return
    for change in changes:
        show(f"  {change}")
    if not changes:
        show(f"Nothing differs from version {published.version}; nothing was published.")
    elif dry_run:
        show(f"{len(changes)} changes would be published as version {published.version}.")
    else:
        show(f"Published as version {published.version}: {len(changes)} changes.")


@catalog.command(
    "show",
    epilog=example(
        "entitlements catalog show",
        "entitlements catalog show crm",
        "entitlements catalog show --json > catalog.json",
    ),
)
@click.argument("key", required=False)
@json_option
def show_catalog(*, key: str | None, as_json: bool) -> None:
    """Show the catalog in force, or one module of it."""
    from infra.cli.catalog_page import document, print_catalog, print_module

    published = over_ledger(_in_force)
    module = published.module(published.resolve(key)) if key is not None else None
    if as_json:
        print_json(document(published, module))
    elif module is not None:
        print_module(module)
    else:
        print_catalog(published)


@catalog.command(epilog=example("entitlements catalog diff catalog.json"))
@click.argument("file", type=EXISTING)
@json_option
@click.pass_context
def diff(context: click.Context, *, file: Path, as_json: bool) -> None:
    """Compare a catalog document with the catalog in force.

    Exit 1 where they differ.
    """
    from domain.catalog_document import compare, read_catalog

    published = over_ledger(_in_force)
    proposed = read_catalog(read_json(file), version=published.version + 1)
    changes = [str(change) for change in compare(published, proposed)]
    if as_json:
        print_json({"catalog_version": published.version, "changes": changes})
    else:
        for change in changes:
            show(f"  {change}")
        show(f"{len(changes) or 'No'} differences from version {published.version}.")
    context.exit(1 if changes else 0)


async def _in_force(parts: "Parts") -> "Catalog":
    return parts.shelf.catalog
