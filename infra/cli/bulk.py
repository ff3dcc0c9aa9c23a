"""`entitlements bulk`: many commands from a file, what a batch did, and undoing it."""

from pathlib import Path
from typing import Any

import click

from infra.cli.files import EXISTING
from infra.cli.options import dry_run_option, reason_option
from infra.cli.output import json_option, print_json
from infra.cli.usage import example

_ticket = click.option("--ticket", help="Where it was agreed.")
_plan_token = click.option(
    "--plan-token", help="From a dry run: apply only if nothing it read has moved."
)


@click.group(
    epilog=example(
        'entitlements bulk apply rows.csv --reason "Migration to plan gold" --dry-run',
        "entitlements bulk show migration-gold",
        'entitlements bulk undo migration-gold --reason "Wrong customers"',
    )
)
def bulk() -> None:
    """Change many organisations from a file; undo it."""


@bulk.command(
    epilog=example(
        'entitlements bulk apply rows.csv --reason "Migration to plan gold" --dry-run',
        "entitlements bulk apply rows.jsonl --batch-id migration-gold",
    )
)
@click.argument("file", type=EXISTING)
@click.option(
    "--format",
    "form",
    type=click.Choice(["jsonl", "csv"]),
    help="How the file is written; its ending tells if left out.",
)
@click.option("--batch-id", help="8 to 64 characters; the same file under the same id goes on.")
@click.option("--reason", help="Why, for rows that have no reason of their own.")
@_ticket
@dry_run_option
@_plan_token
@json_option
@click.pass_context
def apply(context: click.Context, /, *, file: Path, as_json: bool, **wanted: Any) -> None:
    """Carry out the rows of a file, all or none of each organisation's.

    Each row has an org, a command such as grant, and that command's fields as in HTTP. CSV has
    them as columns; an empty cell is an absent field. At most 10,000 rows. Exit 1 where any was
    refused. After an interruption the same file under the same batch id goes on.
    """
    from api.render_batches import applied
    from infra.cli.bulk_page import print_applied
    from infra.cli.bulk_work import Wanted, apply_file

    wanted["form"] = wanted["form"] or _form(file)
    done = apply_file(file, Wanted(**wanted), quiet=as_json)
    document = applied(done)
    if as_json:
        print_json(document)
    else:
        print_applied(document)
    context.exit(1 if document["refused"] else 0)


@bulk.command(epilog=example("entitlements bulk show migration-gold --limit 1000 --json"))
@click.argument("batch")
@click.option("--after", default="", help="The last organisation of the page before.")
@click.option(
    "--limit", type=click.IntRange(1, 1000), default=50, show_default=True, help="How many."
)
@json_option
def show(*, batch: str, after: str, limit: int, as_json: bool) -> None:
    """Tell what a batch did, and to whom; imports are batches, too."""
    from api.render_batches import shown
    from infra.cli.bulk_page import print_batch
    from infra.cli.bulk_work import batch_page

    document = shown(batch_page(batch, after=after, limit=limit), limit=limit)
    if as_json:
        print_json(document)
    else:
        print_batch(document)


@bulk.command(
    epilog=example(
        'entitlements bulk undo migration-gold --reason "Wrong customers" --dry-run',
        'entitlements bulk undo undo-migration-gold --reason "They were right after all"',
    )
)
@click.argument("batch")
@reason_option
@_ticket
@dry_run_option
@_plan_token
@json_option
@click.pass_context
def undo(context: click.Context, /, *, batch: str, as_json: bool, **wanted: Any) -> None:
    """End what a batch gave and give again what it took.

    What somebody changed since is left alone and told; exit 1 where there is any. The undo is a
    batch of its own, undo-BATCH, and can be undone in turn.
    """
    from api.render_batches import undone, wants_a_look
    from infra.cli.bulk_page import print_undone
    from infra.cli.bulk_work import undo_batch

    done = undo_batch(batch, **wanted)
    if as_json:
        print_json(undone(done))
    else:
        print_undone(undone(done))
    context.exit(1 if any(map(wants_a_look, done.settled)) else 0)


def _form(file: Path) -> str:
    """The format that the ending of a file's name tells."""
    forms = {".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl"}
    form = forms.get(file.suffix.lower())
    if form is None:
        raise click.UsageError(f"{file} ends neither in .csv nor in .jsonl: give --format.")
    return form
