"""`entitlements audit`: what was recorded, whether it is still that, and what proves it."""

from typing import TYPE_CHECKING

import click

from infra.cli.auditing import export, search
from infra.cli.output import json_option, print_json, show
from infra.cli.usage import example

if TYPE_CHECKING:
    from domain.verified import Verified


@click.group(epilog=example("entitlements audit search --org 42", "entitlements audit verify"))
def audit() -> None:
    """Search the log, verify it, sign it."""


@audit.command(
    epilog=example("entitlements audit verify", "entitlements audit verify --org 42 --json")
)
@click.option("--org", help="Only this organisation's events; the whole log if left out.")
@json_option
@click.pass_context
def verify(context: click.Context, *, org: str | None, as_json: bool) -> None:
    """Name the first break in the log; exit 1 where there is one.

    Every hash is computed again. The whole log is also compared with the signed checkpoints in
    LEDGER_DATA_DIR: only they can show that its tail was cut, or that all of it was rewritten.
    """
    from api.render_integrity import verification
    from infra.cli.sealing import verified

    found, seconds = verified(org=org)
    if as_json:
        print_json(verification(found) | {"seconds": round(seconds, 3)})
    else:
        _print(found, seconds=seconds)
    context.exit(0 if found.ok else 1)


@audit.command(
    epilog=example("entitlements audit checkpoints", "entitlements audit checkpoints --after 500")
)
@click.option("--after", type=click.IntRange(min=0), default=0, help="Begin after this line.")
@click.option(
    "--limit", type=click.IntRange(1, 1000), default=50, show_default=True, help="How many."
)
@json_option
def checkpoints(*, after: int, limit: int, as_json: bool) -> None:
    """List the signed checkpoints and the keys.

    They are those in LEDGER_DATA_DIR, oldest first.
    """
    from api.render_integrity import checkpoint_page
    from infra.cli.sealing import page
    from infra.cli.tables import table

    document = checkpoint_page(page(after=after, limit=limit))
    if as_json:
        print_json(document)
        return
    columns = ("line", "epoch", "position", "recorded_at", "hash", "key_id")
    rows = [[str(entry[name]) for name in columns] for entry in document["checkpoints"]]
    show(table(*columns, rows=rows, right=("line", "epoch", "position")))
    keys = ("key_id", "public_key", "since", "current")
    show(table(*keys, rows=[[str(key[name]) for name in keys] for key in document["keys"]]))
    if document["next"] is not None:
        show(f"More: entitlements audit checkpoints --after {document['next']}")


@audit.command(epilog=example("entitlements audit sign", "entitlements audit sign --restored"))
@click.option(
    "--restored", is_flag=True, help="A backup was restored, in a new epoch: begin anew from it."
)
@json_option
def sign(*, restored: bool, as_json: bool) -> None:
    """Sign the present end of the log now.

    A serving process does so every minute, and when it stops.
    """
    from infra.cli.sealing import signed

    checkpoint = signed(restored=restored)
    if as_json:
        position = checkpoint.position if checkpoint else None
        print_json({"signed": checkpoint is not None, "position": position})
    elif checkpoint is None:
        show("The last checkpoint says so already; nothing was signed.")
    else:
        show(f"Signed: the log ends at position {checkpoint.position}.")


@audit.command("rotate-key", epilog=example("entitlements audit rotate-key"))
@json_option
def rotate_key(*, as_json: bool) -> None:
    """Sign with a new key from now on.

    What was signed before stays valid; the old private key is gone.
    """
    from infra.cli.sealing import rotated

    key_id = rotated()
    if as_json:
        print_json({"key_id": key_id})
    else:
        show(f"Checkpoints are signed with key {key_id} from now on.")


for _command in (search, export):
    audit.add_command(_command)


def _print(found: "Verified", *, seconds: float) -> None:
    whose = f" of organisation {found.org}" if found.org is not None else ""
    rate = f"{found.events / seconds:,.0f} events/s" if seconds else ""
    show(f"{found.events:,} events{whose} are what was recorded ({seconds:.1f} s, {rate}).")
    if found.org is None and found.checkpoints:
        show(
            f"Checkpoints kept outside the database that it extends: {found.checkpoints:,}, the "
            f"last of them at position {found.checkpointed}."
        )
    elif found.org is None:
        show("No checkpoint is kept here: a tail that was cut cleanly would not be noticed.")
    if found.broken is not None:
        show(f"BROKEN at position {found.broken.position} ({found.broken.kind}):")
        show(f"  {found.broken.detail}")
    for line in found.damaged:
        show(f"DAMAGED: line {line.line} of the checkpoints: {line.problem}.")
    if found.ok:
        show(f"Verified up to position {found.position}.")
