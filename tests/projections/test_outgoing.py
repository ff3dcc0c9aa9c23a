"""The relay's cursor in the database: what waits for the disk, and what does not."""

from functools import partial
from uuid import uuid4

import pytest

from infra.database import Database
from infra.store.connections import connect
from infra.store.mapper import read_fact
from projections.outgoing import OutgoingLog

pytestmark = [pytest.mark.anyio, pytest.mark.one_server]


class Asked(OutgoingLog):
    """Says what its connection would do at the next commit."""

    async def waits_for_the_disk(self) -> str:
        rows = await self._ask("SHOW synchronous_commit")
        return str(rows[0][0])


async def test_only_the_cursor_goes_without_waiting_for_the_disk(database: Database) -> None:
    """Who has the relay, and which epoch it is, must stay known through a crash."""
    log = Asked(partial(connect, database.app_url), holder=uuid4(), read_fact=read_fact)
    cursor = await log.take(seconds=5)
    assert cursor is not None

    assert await log.advance(cursor._replace(position=3), seconds=5)
    assert await log.waits_for_the_disk() == "on"
    assert not await log.advance(cursor._replace(fence=cursor.fence - 1), seconds=5)

    await log.release(cursor)
    again = await log.take(seconds=5)
    await log.close()
    assert again is not None
    assert again.position == 3
