"""`entitlements ticker`: tell as facts what time did by itself."""

import contextlib

import click

from infra.cli.output import show
from infra.cli.usage import example
from infra.cli.work import over_ledger


@click.command("ticker", epilog=example("entitlements ticker", "entitlements ticker --once"))
@click.option("--once", is_flag=True, help="Account for what is due by now, and exit.")
def ticker(*, once: bool) -> None:
    """Record the boundaries that time passes.

    With notices before trials end. Nothing is right because of it: it is for those who follow the
    log. The server has one, too, and any number may run.
    """
    from infra.wiring import Parts

    async def drain(parts: Parts) -> int:
        return await parts.ticker.drain()

    async def tick(parts: Parts) -> None:
        show("Ticking until interrupted.")
        await parts.ticker.run()

    if once:
        show(f"Accounted for what was due on {over_ledger(drain)} organisations.")
        return
    with contextlib.suppress(KeyboardInterrupt):  # the way it is meant to end
        over_ledger(tick)
