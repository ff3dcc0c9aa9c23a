"""`entitlements legacy`: taking over from the application that kept flags."""

from pathlib import Path

import click

from infra.cli.files import EXISTING
from infra.cli.options import dry_run_option
from infra.cli.output import json_option, print_json
from infra.cli.usage import example


@click.group(epilog=example("entitlements legacy import legacy_orgs.jsonl --dry-run"))
def legacy() -> None:
    """Take over from the application that kept flags."""


@legacy.command(
    "import",
    epilog=example(
        "entitlements legacy import legacy_orgs.jsonl --dry-run",
        "entitlements legacy import legacy_orgs.jsonl",
    ),
)
@click.argument("file", type=EXISTING)
@dry_run_option
@click.option("--strict", is_flag=True, help="Hold organisations with null or empty flags, too.")
@click.option(
    "--batch-size",
    type=click.IntRange(1, 10_000),
    default=64,
    show_default=True,
    help="How many organisations are decided together; eight such batches are under way.",
)
@click.option("--all-held", is_flag=True, help="List every held organisation, not only 20.")
@json_option
@click.pass_context
def import_file(
    context: click.Context,
    *,
    file: Path,
    dry_run: bool,
    strict: bool,
    batch_size: int,
    all_held: bool,
    as_json: bool,
) -> None:
    """Import organisations from JSON Lines, each once ever and as a whole.

    Running it again imports what is still missing and changes nothing else. An organisation whose
    row cannot be taken over without guessing is held, with every difference named. Exit 1 where
    any is held or differs from what was imported, or a line is broken.
    """
    from infra.cli.importing import import_legacy
    from infra.cli.importing_page import document, print_import

    done = import_legacy(file, dry_run=dry_run, strict=strict, batch_size=batch_size)
    if as_json:
        print_json(document(done))
    else:
        print_import(done, all_held=all_held)
    context.exit(1 if done.tally.open else 0)
