"""Compares the log with the checkpoints that were kept outside the database."""

import asyncio
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from itertools import islice

from domain.breaks import Break
from domain.checkpoint import Checkpoint, SignedCheckpoint
from domain.verified import DamagedLine
from infra.integrity.checkpoints import CheckpointFile
from infra.integrity.keys import KeysDamaged
from infra.integrity.lines import Line
from infra.integrity.walking import Reading
from projections.chain import End, hashes_at, read_end

_AT_ONCE = 50  # signatures checked between two looks at the database


@dataclass(slots=True)
class Compared:
    """What the checkpoints say: how many the log extends, the last of them, and what is wrong."""

    matching: int = 0
    last: int | None = None
    broken: Break | None = None
    damaged: list[DamagedLine] = field(default_factory=list)
    _before: Checkpoint | None = None
    _broken_at: int = 0

    def hear(self, signed: SignedCheckpoint, end: End, hashes: dict[int, bytes]) -> None:
        """Take in the next checkpoint of the file.

        One of a new epoch that lies before an earlier one says that a backup was restored: what
        the log had between the two was lost, and with the operator's knowledge.
        """
        checkpoint = signed.checkpoint
        is_later_epoch = self._before is not None and checkpoint.epoch > self._before.epoch
        if is_later_epoch and self.broken is not None and checkpoint.position < self._broken_at:
            self.broken = None
        self._before = checkpoint
        if self.broken is not None:
            return
        self.broken = _contradiction(signed, end, hashes, since=self.last)
        self._broken_at = checkpoint.position
        if self.broken is None and checkpoint.position in hashes:
            self.matching += 1
            self.last = checkpoint.position


async def compared(reading: Reading, file: CheckpointFile) -> Compared:
    """Go over every line of the file."""
    found = Compared()
    has_key = await asyncio.to_thread(file.keys.exists)  # asked first: the file is older
    try:
        with closing(file.lines()) as lines:
            while batch := await asyncio.to_thread(lambda: list(islice(lines, _AT_ONCE))):
                await _take(found, batch, reading)
        if has_key and not await asyncio.to_thread(file.path.exists):
            problem = f"{file.path.name} is not there, and the key that signs it is"
            found.damaged.append(DamagedLine(line=0, problem=problem))
    except KeysDamaged as error:
        found.damaged.append(DamagedLine(line=0, problem=str(error)))
    return found


async def _take(found: Compared, batch: Sequence[Line], reading: Reading) -> None:
    good = [line.signed for line in batch if line.signed is not None]
    async with reading() as connection:
        end = await read_end(connection)  # as it is now: lines are added while they are read
        hashes = await hashes_at(connection, [signed.checkpoint.position for signed in good])
    for line in batch:
        if line.signed is not None:
            found.hear(line.signed, end, hashes)
        else:
            found.damaged.append(DamagedLine(line=line.number, problem=line.problem or ""))


def _contradiction(
    signed: SignedCheckpoint, end: End, hashes: dict[int, bytes], *, since: int | None
) -> Break | None:
    """What a checkpoint says against the log; None also where the walk says it more exactly."""
    checkpoint, line = signed.checkpoint, signed.line
    if checkpoint.position > end.position:
        return Break(
            kind="tail_cut",
            position=end.position + 1,
            since=since,
            detail=f"The log ends at {end.position}; the checkpoint on line {line} was signed "
            f"when it ended at {checkpoint.position}.",
        )
    if hashes.get(checkpoint.position, checkpoint.hash) != checkpoint.hash:
        first = (since or 0) + 1
        return Break(
            kind="rewritten",
            position=checkpoint.position,
            since=since,
            detail=f"Between {first} and {checkpoint.position} the log is not the one that the "
            f"checkpoint on line {line} was signed for.",
        )
    if checkpoint.epoch > end.epoch:
        return Break(
            kind="head_mismatch",
            position=checkpoint.position,
            since=since,
            detail=f"The head is of epoch {end.epoch}; the checkpoint on line {line} is of epoch "
            f"{checkpoint.epoch}.",
        )
    return None
