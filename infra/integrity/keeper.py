"""Signs the end of the log on a schedule and at shutdown, one process at a time."""

import asyncio
import logging
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psycopg

from domain.checkpoint import Checkpoint
from domain.refusals import Refusal
from infra.clock import wall_clock
from infra.integrity.checkpoints import CheckpointFile, CheckpointsDamaged
from infra.integrity.keys import KeysDamaged, key_id
from infra.integrity.turn import alone
from infra.integrity.walking import Reading
from infra.postgres.locks import open_lock, try_exclusive
from projections.chain import End, hashes_at, read_end

EVERY_SECONDS = 60.0
_KEEPER = "checkpoints.keeper"  # had, for as long as it serves, by the process that keeps time

log = logging.getLogger("entitlements.integrity")


class NotExtended(Exception):
    """The log is not one that continues the last checkpoint, so it is not signed."""

    def __init__(self, last: Checkpoint, end: End, *, file: Path) -> None:
        super().__init__(
            f"The log (epoch {end.epoch}, position {end.position}) does not continue the last "
            f"checkpoint in {file} (epoch {last.epoch}, position {last.position}). 'entitlements "
            "audit verify' names the break. After a restore: 'entitlements audit sign --restored'. "
            "If the file belongs to another database, set LEDGER_DATA_DIR to a directory of its "
            "own."
        )
        self.last, self.end = last, end


class Keeper:
    """Keeps the checkpoints of one ledger in one directory.

    Any number of processes may keep the same directory: one of them signs on the schedule, each
    signs at its own shutdown, and none signs twice what has not moved.
    """

    def __init__(
        self, reading: Reading, *, directory: Path, seconds: float = EVERY_SECONDS
    ) -> None:
        self._reading = reading
        self._directory = directory
        self._file = CheckpointFile(directory)
        self._seconds = seconds
        self._lock: int | None = None
        self._stop = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to sign on schedule; needs a running loop."""
        self._task = asyncio.create_task(self._run(), name="checkpoints")

    async def close(self) -> None:
        """Sign once more, unless nothing moved, and stop."""
        self._stop.set()
        if self._task is not None:
            await self._task

    async def sign(self, *, restored: bool = False) -> Checkpoint | None:
        """Sign the present end of the log; None when the last checkpoint says so already.

        Args:
            restored: the ledger was restored from a backup, in a new epoch; checkpoints of
                positions that the backup did not have hold no longer.

        Raises:
            NotExtended: the log does not continue the last checkpoint.
            CheckpointsDamaged, KeysDamaged: the files cannot be continued.
            TimeoutError: another process was writing all the time.
        """
        await asyncio.to_thread(self._directory.mkdir, parents=True, exist_ok=True)
        async with alone(self._directory):
            last = await asyncio.to_thread(self._file.last)
            async with self._reading() as connection:
                end = await read_end(connection)
                asked = [last.checkpoint.position] if last else []
                hashes = await hashes_at(connection, asked)
            if last is not None:
                self._judge(last.checkpoint, end, hashes, restored=restored)
            key = await asyncio.to_thread(self._file.signing, now=wall_clock())
            checkpoint = Checkpoint(
                epoch=end.epoch, position=end.position, hash=end.hash, recorded_at=end.recorded_at
            )
            signer = key_id(key.public_key())
            if last is not None and (last.checkpoint, last.key_id) == (checkpoint, signer):
                return None
            await asyncio.to_thread(self._file.append, checkpoint, key=key)
            return checkpoint

    def _judge(
        self, last: Checkpoint, end: End, hashes: dict[int, bytes], *, restored: bool
    ) -> None:
        continued = (
            end.epoch >= last.epoch
            and end.position >= last.position
            and hashes.get(last.position) == last.hash
        )
        if not continued and not (restored and end.epoch > last.epoch):
            raise NotExtended(last, end, file=self._file.path)

    async def _run(self) -> None:
        try:
            while not self._stop.is_set():
                if self._keeps_time():
                    await self._attempt()
                await self._rest()
            await self._attempt()
        finally:
            if self._lock is not None:
                os.close(self._lock)

    def _keeps_time(self) -> bool:
        try:
            if self._lock is None:
                self._directory.mkdir(parents=True, exist_ok=True)
                self._lock = open_lock(self._directory / _KEEPER)
            return try_exclusive(self._lock)
        except OSError as error:
            log.warning("No checkpoints are kept: %s", error)
            return False

    async def _attempt(self) -> None:
        try:
            await self.sign()
        except (NotExtended, CheckpointsDamaged, KeysDamaged) as error:
            log.error("No checkpoint was signed: %s", error)
        except (Refusal, psycopg.Error, OSError, TimeoutError) as error:
            log.warning("No checkpoint was signed this time: %s", error)
        except Exception:  # the next one may be signed all the same
            log.exception("No checkpoint was signed this time.")

    async def _rest(self) -> None:
        try:
            async with asyncio.timeout(self._seconds):
                await self._stop.wait()
        except TimeoutError:
            pass


@asynccontextmanager
async def keeping(reading: Reading, *, directory: Path) -> AsyncIterator[Keeper]:
    """Keep checkpoints while the block runs."""
    keeper = Keeper(reading, directory=directory)
    keeper.start()
    try:
        yield keeper
    finally:
        await keeper.close()
