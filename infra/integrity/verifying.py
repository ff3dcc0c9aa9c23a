"""Verifies the log against itself and against what is kept outside the database."""

import asyncio
from collections.abc import Callable
from itertools import islice
from pathlib import Path

from domain.checkpoint import CheckpointPage
from domain.ids import OrgId
from domain.refusals import Unavailable
from domain.verified import Verified
from infra.integrity.checkpoints import CheckpointFile
from infra.integrity.comparing import compared
from infra.integrity.keys import KeysDamaged
from infra.integrity.walking import PAGE, Reading, Told, walk_log
from infra.integrity.walking_org import walk_org
from projections.chain import read_end


async def verify_log(
    reading: Reading,
    *,
    checkpoints: CheckpointFile | None,
    told: Told = lambda position: None,
    page_size: int = PAGE,
) -> Verified:
    """Go over the whole log as it ends now.

    Args:
        reading: gives a connection, asked for anew for each page.
        checkpoints: what is kept outside the database; None looks at the database alone, and so
            overlooks a tail that was cut cleanly and a log that was rewritten throughout.
        told: hears each position that was reached.
        page_size: events in a page; what is found does not depend on it.
    """
    async with reading() as connection:
        end = await read_end(connection)
    events, broken = await walk_log(reading, end, told=told, page_size=page_size)
    if checkpoints is None:
        return Verified(org=None, events=events, position=end.position, broken=broken)
    outside = await compared(reading, checkpoints)
    breaks = [found for found in (broken, outside.broken) if found is not None]
    return Verified(
        org=None,
        events=events,
        position=end.position,
        checkpoints=outside.matching,
        checkpointed=outside.last,
        broken=min(breaks, key=lambda found: found.position, default=None),
        damaged=outside.damaged,
    )


async def verify_org(reading: Reading, org: OrgId) -> Verified:
    """Go over the events of one org: their leaves, their links into the chain, their versions.

    Raises:
        UnknownOrg: the ledger knows no such org.
    """
    events, end, broken = await walk_org(reading, org)
    return Verified(org=org, events=events, position=end.position, broken=broken)


class Integrity:
    """Verification and checkpoints for HTTP; who asks while one runs waits for that one.

    Args:
        failed: hears of each verification that found a break.
    """

    def __init__(
        self, reading: Reading, *, directory: Path, failed: Callable[[], None] = lambda: None
    ) -> None:
        self._failed = failed
        self._reading = reading
        self._file = CheckpointFile(directory)
        self._running: dict[OrgId | None, asyncio.Task[Verified]] = {}

    async def verify(self, org: OrgId | None = None) -> Verified:
        """Verify the whole log, or one org's events."""
        task = self._running.get(org)
        if task is None:
            task = asyncio.create_task(self._verify(org), name="verify")
            self._running[org] = task
            task.add_done_callback(lambda done: self._running.pop(org))
        return await asyncio.shield(task)

    async def checkpoints(self, *, after: int, limit: int) -> CheckpointPage:
        """The checkpoints on the lines from `after` on, at most `limit`, and every key."""
        return await asyncio.to_thread(page_of, self._file, after=after, limit=limit)

    async def _verify(self, org: OrgId | None) -> Verified:
        if org is not None:
            found = await verify_org(self._reading, org)
        else:
            found = await verify_log(self._reading, checkpoints=self._file)
        if not found.ok:
            self._failed()
        return found


def page_of(file: CheckpointFile, *, after: int, limit: int) -> CheckpointPage:
    """A page of a file; lines that are no checkpoints are left out (verification names them).

    Raises:
        Unavailable: the list of keys cannot be read.
    """
    lines = list(islice(file.parsed(after=after), limit + 1))
    try:
        keys = file.keys.listed()
    except KeysDamaged as error:
        raise Unavailable(str(error)) from error
    return CheckpointPage(
        checkpoints=[line.signed for line in lines[:limit] if line.signed is not None],
        keys=keys,
        next=lines[limit - 1].number if len(lines) > limit else None,
    )
