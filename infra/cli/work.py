"""Running a command's work over an opened ledger."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

import click

if TYPE_CHECKING:
    from infra.settings import Settings
    from infra.wiring import Parts

T = TypeVar("T")
# Whoever typed a command rather waits for a busy database than types again.
_PATIENCE_SECONDS = 10.0


def over_ledger(work: "Callable[[Parts], Awaitable[T]]") -> T:
    """What `work` makes of the running parts; the ledger is open for as long as it takes."""
    from infra import loops
    from infra.settings import Settings
    from infra.wiring import opened

    settings = Settings.from_environment()
    tell_of_new_ledger(settings)

    async def run() -> T:
        async with opened(settings, patience_seconds=_PATIENCE_SECONDS) as parts:
            return await work(parts)

    return loops.run(run())


def tell_of_new_ledger(settings: "Settings") -> None:
    """Say it where the work will be done on a ledger that is not there yet.

    In another folder than that of `make run` everything would seem to be gone.
    """
    from infra.database import embedded_directory

    if settings.database_url is None and not embedded_directory(settings).exists():
        click.echo(
            f"A new, empty ledger is made in {settings.data_dir.absolute()}; "
            "LEDGER_DATA_DIR names another.",
            err=True,
        )
