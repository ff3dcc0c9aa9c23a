"""Lets one process at a time write keys and checkpoints in a directory."""

import asyncio
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from infra.postgres.locks import open_lock, try_exclusive

_LOCK = "checkpoints.lock"
_PATIENCE_SECONDS = 10.0
_PAUSE_SECONDS = 0.02


@asynccontextmanager
async def alone(directory: Path) -> AsyncIterator[None]:
    """Be the only one who writes keys or checkpoints in a directory.

    Raises:
        TimeoutError: others were at it all the time.
    """
    fd = open_lock(directory / _LOCK)
    try:
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while not try_exclusive(fd):
            if time.monotonic() > deadline:
                raise TimeoutError(f"{directory / _LOCK} was held by another process.")
            await asyncio.sleep(_PAUSE_SECONDS)
        yield
    finally:
        os.close(fd)
