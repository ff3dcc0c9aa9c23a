"""`python -m infra.bench`: every part in turn, and one table at the end."""

import json
import signal
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from infra import loops
from infra.bench import machine, report
from infra.bench.appending import append
from infra.bench.bypassing import bypass
from infra.bench.checking import check
from infra.bench.commanding import command
from infra.bench.deciding import decision
from infra.bench.figures import Figure
from infra.bench.ground import FULL, QUICK, Ground, ground
from infra.bench.guarding import guard
from infra.bench.importing import legacy_import
from infra.bench.loading import load
from infra.bench.maps import full_map
from infra.bench.million import audit
from infra.bench.propagating import propagate
from infra.bench.rebuilding import rebuild
from infra.collector import seldom_collecting
from infra.settings import Settings

PARTS: dict[str, Callable[[Ground], Coroutine[Any, Any, list[Figure]]]] = {
    "append": append,
    "command": command,
    "bypass": bypass,
    "import": legacy_import,
    "map": full_map,
    "decision": decision,
    "check": check,
    "load": load,
    "rebuild": rebuild,
    "audit": audit,
    "propagation": propagate,
    "guard": guard,
}
_QUICK = "Quick: too little was measured to judge by."


@click.command()
@click.option("--only", type=click.Choice([*PARTS]), help="Run one part.")
@click.option("--quick", is_flag=True, help="Small sizes: shows that it runs, not how fast.")
@click.option("--plain", is_flag=True, help="Text for a README instead of a coloured table.")
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Write figures there.")
@click.option(
    "--below",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="Directory for the temporary database; its disk is what is measured.",
)
def main(
    *, only: str | None, quick: bool, plain: bool, json_file: Path | None, below: Path | None
) -> None:
    """Measure the ledger, each figure beside a reference of the same run. Takes a few minutes.

    It brings its own PostgreSQL: the wheel's, the system's, or the one that LEDGER_PG_BIN names.
    """
    # Shells make background jobs deaf to SIGINT, and SIGTERM would leave the server to itself.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    out = Console(highlight=False)
    bin_dir = Settings.from_environment().pg_bin
    sizes = QUICK if quick else FULL
    with ground(sizes, below=below, bin_dir=bin_dir) as ready:
        facts = machine.facts(ready.server.owner_url, directory=ready.settings.data_dir)
        for line in report.about(facts):
            click.echo(line, err=True)
        figures = measured(ready, [only] if only else [*PARTS])
    if plain or not out.is_terminal:
        click.echo(report.plain(figures, facts))
    else:
        out.print(report.table(figures))
    for line in [*report.missed(figures), *([_QUICK] if quick else [])]:
        click.echo(line)
    if json_file is not None:
        content = json.dumps(report.as_json(figures, facts, quick=quick), indent=2)
        json_file.write_text(content + "\n", encoding="utf-8")


def measured(ready: Ground, names: Sequence[str]) -> list[Figure]:
    """The parts one after another, each as the server runs: its loop, its seldom collecting."""
    figures: list[Figure] = []
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    aside = Console(stderr=True)
    with Progress(
        *columns, console=aside, transient=True, disable=not aside.is_terminal
    ) as progress:
        for number, name in enumerate(names, start=1):
            place = f"{number} of {len(names)}, {name}"
            task = progress.add_task(place)
            told = partial(_told, progress, task, place)
            with seldom_collecting():
                figures += loops.run(PARTS[name](ready.watched(told)))
            progress.remove_task(task)
    return figures


def _told(progress: Progress, task: Any, place: str, doing: str) -> None:
    progress.update(task, description=f"{place}: {doing}")


if __name__ == "__main__":
    main()
