"""Several processes behind one socket: whichever is scraped tells the sum of all of them.

Each keeps what it counted in a file of its own, renewed every second and whenever it is scraped.
The file of one that died stays, so a sum never falls while the server runs. Source of the idea:
the multi-process mode of `prometheus_client`, which costs a write to memory at every count.
"""

import asyncio
import contextlib
import json
import os
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from multiprocessing import parent_process
from pathlib import Path

from projections.tallies import Count, Spread, Tallies, added, written

EVERY_SECONDS = 1.0
_FOLDER = "metrics"  # in the data directory, with one for each server below


def folder_here(data_dir: Path) -> Path | None:
    """Where this process and its siblings keep what they counted; None for one that is alone."""
    parent = parent_process()
    return data_dir / _FOLDER / str(parent.pid) if parent is not None else None


@contextmanager
def folder_for_workers(data_dir: Path) -> Iterator[None]:
    """An empty folder for the processes that this one starts, gone at the end."""
    folder = data_dir / _FOLDER / str(os.getpid())
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        yield
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class Worker:
    """One of the processes, and what all of them counted."""

    def __init__(self, tallies: Tallies, *, folder: Path | None) -> None:
        self._tallies = tallies
        self._folder = folder
        self._turn = asyncio.Lock()

    async def sums(self) -> list[Count | Spread]:
        """What this process counted until now, and the others until a second ago."""
        if self._folder is None:
            return self._tallies.counted()
        try:
            await self.share()
            return await asyncio.to_thread(_read, self._folder)
        except OSError:  # a full disk: what is counted here is better than nothing
            return self._tallies.counted()

    async def share(self) -> None:
        """Renew this process's file."""
        if self._folder is None:
            return
        async with self._turn:  # so that nothing newer is overwritten
            text = json.dumps(written(self._tallies.counted()))
            await asyncio.to_thread(_put, self._folder / f"{os.getpid()}.json", text)

    @asynccontextmanager
    async def sharing(self) -> AsyncIterator[None]:
        """Renew the file while the block runs, where there are siblings."""
        task = asyncio.create_task(self._keep_sharing(), name="share what is counted")
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
            with contextlib.suppress(OSError):
                await self.share()

    async def _keep_sharing(self) -> None:
        while self._folder is not None:
            with contextlib.suppress(OSError):  # a full disk: the next one may work
                await self.share()
            await asyncio.sleep(EVERY_SECONDS)


def _put(file: Path, text: str) -> None:
    new = file.with_suffix(".new")
    new.write_text(text, encoding="utf-8")
    new.replace(file)


def _read(folder: Path) -> list[Count | Spread]:
    return added([json.loads(file.read_text(encoding="utf-8")) for file in folder.glob("*.json")])
