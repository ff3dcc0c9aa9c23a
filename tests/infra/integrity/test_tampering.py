"""Whatever is done to the log behind the ledger's back is found, and the break is named."""

from random import Random

import pytest
from psycopg import AsyncConnection

from infra.integrity.verifying import verify_log
from tests.infra.integrity import tamperings as ways
from tests.infra.integrity.tamperings import Tampering
from tests.infra.integrity.world import Written, log, over
from tests.soak import Rounds

pytestmark = pytest.mark.anyio


async def test_a_log_that_nobody_tampered_with_verifies(
    written: Written, forger: AsyncConnection
) -> None:
    """So each break below has the cause it names."""
    found = await verify_log(over(forger), checkpoints=written.checkpoints)

    assert found.ok, found
    assert found.events == found.position == found.checkpointed == len(await log(forger))
    assert found.checkpoints > 5


@pytest.mark.soak
@pytest.mark.parametrize("tampering", ways.ALL, ids=lambda way: way.__name__)
async def test_a_tampering_is_found_and_the_break_is_named(
    written: Written, forger: AsyncConnection, tampering: Tampering, rounds: Rounds
) -> None:
    """At the position where it begins, or between the two checkpoints around it.

    All ways together 200 times, 10,000 times in the long lane.
    """
    reading, rows = over(forger), await log(forger)
    for number in range(-(-rounds(200, at_hundred=10_000) // len(ways.ALL))):
        seed = f"{tampering.__name__} {number}"
        async with forger.transaction(force_rollback=True):
            expected = await tampering(forger, rows, Random(seed))
            size = 3 + 97 * number % 500  # so that it is met at every edge of a page
            found = await verify_log(reading, checkpoints=written.checkpoints, page_size=size)

        assert expected.fits(found.broken), (seed, expected, found)
        assert not found.ok


@pytest.mark.parametrize("tampering", [ways.cut_tail, ways.rewrite], ids=["cut", "rewritten"])
async def test_without_checkpoints_a_clean_forgery_is_overlooked(
    forger: AsyncConnection, tampering: Tampering
) -> None:
    """The mutant: a chain alone shows neither that its tail was cut nor that it is another."""
    rows = await log(forger)
    for number in range(5):
        async with forger.transaction(force_rollback=True):
            await tampering(forger, rows, Random(number))

            assert (await verify_log(over(forger), checkpoints=None)).ok
