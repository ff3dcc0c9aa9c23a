"""`python -m infra.drill` (`make drill`): how long until every process obeys the kill switch."""

import asyncio
import json
import signal
import sys
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from infra.bench.ground import QUICK, ground
from infra.drill.rounds import Drill
from infra.drill.times import BOUND_SECONDS, Times

_Processes = click.IntRange(1, 16)


@click.command()
@click.option("--rounds", type=click.IntRange(1, 1_000), default=20, show_default=True)
@click.option("--servers", type=_Processes, default=4, show_default=True)
@click.option("--sdks", type=_Processes, default=4, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead of text.")
@click.option(
    "--below",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="Directory for the temporary database.",
)
def main(*, rounds: int, servers: int, sdks: int, as_json: bool, below: Path | None) -> None:
    """Turn gating off and on again, and watch servers and SDK processes until all have obeyed.

    Each round is a kill and a resume, timed from before it is sent. Then PostgreSQL is stopped, and
    this machine's file switches the servers. Everything is temporary. Exits with 1 when 99 of a
    hundred took longer than 5 seconds, or a process never obeyed.
    """
    # Shells make background jobs deaf to SIGINT, and SIGTERM would leave processes to themselves.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    by_ledger, by_file = _drilled(rounds, servers=servers, sdks=sdks, below=below)
    passed = by_ledger.passed and by_file.passed
    if as_json:
        click.echo(json.dumps(_document(by_ledger, by_file, rounds, servers, sdks), indent=2))
    else:
        click.echo(
            f"{servers} servers and {sdks} SDK processes, {rounds} rounds of kill and resume"
        )
        click.echo(f"  changed in the ledger, obeyed by all: {by_ledger.as_text()}")
        click.echo(f"  by file, PostgreSQL stopped, servers: {by_file.as_text()}")
        for each in [*by_ledger.never, *by_file.never]:
            click.echo(f"  {each.who} never obeyed: {each.change} of round {each.round}")
        verdict = "passed" if passed else "FAILED"
        click.echo(f"{verdict}: p99 within {BOUND_SECONDS:g} s is what was promised")
    sys.exit(0 if passed else 1)


def _drilled(rounds: int, *, servers: int, sdks: int, below: Path | None) -> tuple[Times, Times]:
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    aside = Console(stderr=True)
    with Progress(
        *columns, console=aside, transient=True, disable=not aside.is_terminal
    ) as progress:
        task = progress.add_task("PostgreSQL starts")
        with ground(QUICK, below=below) as ready:
            drill = Drill(
                ready,
                servers=servers,
                sdks=sdks,
                told=lambda doing: progress.update(task, description=doing),
            )
            return asyncio.run(drill.run(rounds))


def _document(
    by_ledger: Times, by_file: Times, rounds: int, servers: int, sdks: int
) -> dict[str, Any]:
    return {
        "servers": servers,
        "sdks": sdks,
        "rounds": rounds,
        "bound_seconds": BOUND_SECONDS,
        "by_ledger": by_ledger.as_json(),
        "by_file": by_file.as_json(),
        "passed": by_ledger.passed and by_file.passed,
    }


if __name__ == "__main__":
    main()
