"""Runs the boundary ticker in one of the processes that serve from a data directory."""

import asyncio
import contextlib
import logging
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from consumers.ticker import Ticker
from infra.postgres.locks import open_lock, try_exclusive

_LOCK = "ticker.lock"  # had by the process that ticks
_LOOK_SECONDS = 1.0

log = logging.getLogger("entitlements.ticker")


@asynccontextmanager
async def ticking(ticker: Ticker, *, directory: Path) -> AsyncIterator[None]:
    """Tick while the block runs, unless another process of the directory does; then after it.

    It only spares work: two tickers do no harm, and where files cannot be locked every process has
    one.
    """
    waiting = asyncio.create_task(_tick_in_turn(ticker, directory), name="ticker's turn")
    try:
        yield
    finally:
        waiting.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await waiting


async def _tick_in_turn(ticker: Ticker, directory: Path) -> None:
    lock: int | None = None
    try:
        try:
            await asyncio.to_thread(directory.mkdir, parents=True, exist_ok=True)
            lock = open_lock(directory / _LOCK)
            while True:
                if try_exclusive(lock):
                    break
                await asyncio.sleep(_LOOK_SECONDS)
        except OSError as error:
            log.info("Ticking without a lock: %s", error)
        ticker.start()
        await asyncio.Event().wait()
    finally:
        await ticker.close()
        if lock is not None:
            os.close(lock)
