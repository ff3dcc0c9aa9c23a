"""Verifying and signing while the ledger goes on."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from domain.commands import RegisterOrg
from domain.ids import org_id
from domain.orders import Order
from infra.integrity.checkpoints import CheckpointFile
from infra.integrity.keeper import Keeper
from infra.integrity.verifying import Integrity, verify_log
from infra.wiring import Parts
from tests.infra.integrity.world import BY

pytestmark = pytest.mark.anyio


async def register(parts: Parts, *numbers: int) -> None:
    for number in numbers:
        order = Order(org=org_id(number), commands=[RegisterOrg(name=f"Org {number}")], by=BY)
        await parts.ledger.execute(order)


async def until(condition: Callable[[], bool]) -> None:
    """Wait; a test that waits in vain times out."""
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 - files send no events
            await asyncio.sleep(0.01)


async def until_signed(file: CheckpointFile, *, position: int) -> None:
    """Wait for a checkpoint of a position."""

    def signed() -> bool:
        last = file.last()
        return last is not None and last.checkpoint.position >= position

    await until(signed)


async def test_appends_and_signatures_do_not_disturb_a_verification(
    parts: Parts, tmp_path: Path
) -> None:
    """What comes after it began is none of its business, checkpoints included."""
    reading, file = parts.ledger.reading, CheckpointFile(tmp_path)
    keeper = Keeper(reading, directory=tmp_path)

    async def go_on() -> None:
        for number in range(1, 100):
            await register(parts, number)
            await keeper.sign()

    going_on = asyncio.create_task(go_on())
    found = [await verify_log(reading, checkpoints=file)]
    while not going_on.done():
        found.append(await verify_log(reading, checkpoints=file))
    await going_on
    found.append(await verify_log(reading, checkpoints=file))

    assert [each for each in found if not each.ok] == []
    assert (found[-1].position, found[-1].checkpoints) == (100, 99)


async def test_who_asks_while_a_verification_runs_waits_for_that_one(
    parts: Parts, tmp_path: Path
) -> None:
    """However many ask, the log is read once."""
    integrity = Integrity(parts.ledger.reading, directory=tmp_path)

    first, *others = await asyncio.gather(*(integrity.verify() for _ in range(5)))

    assert all(other is first for other in others)
    assert (await integrity.verify()) is not first


async def test_a_keeper_signs_what_moved_on_its_schedule(parts: Parts, tmp_path: Path) -> None:
    file = CheckpointFile(tmp_path)
    keeper = Keeper(parts.ledger.reading, directory=tmp_path, seconds=0.02)
    keeper.start()

    await until_signed(file, position=1)
    await register(parts, 1)
    await until_signed(file, position=2)
    await keeper.close()

    assert [line.signed and line.signed.checkpoint.position for line in file.lines()] == [1, 2]


async def test_a_keeper_signs_the_end_when_it_stops(parts: Parts, tmp_path: Path) -> None:
    """The schedule would have come too late."""
    file = CheckpointFile(tmp_path)
    keeper = Keeper(parts.ledger.reading, directory=tmp_path, seconds=3600)
    keeper.start()
    await until_signed(file, position=1)
    await register(parts, 1, 2)

    await keeper.close()

    last = file.last()
    assert last is not None
    assert last.checkpoint.position == 3


async def test_one_of_several_keepers_keeps_time_and_another_follows_it(
    parts: Parts, tmp_path: Path
) -> None:
    """The second signs nothing on its schedule while the first is there, and everything after."""
    file = CheckpointFile(tmp_path)
    first = Keeper(parts.ledger.reading, directory=tmp_path, seconds=3600)
    first.start()
    await until_signed(file, position=1)
    second = Keeper(parts.ledger.reading, directory=tmp_path, seconds=0.02)
    second.start()
    await register(parts, 1)
    await asyncio.sleep(0.3)  # for the second to have signed, if it did not wait
    before = file.last()

    await first.close()
    await register(parts, 2)
    await until_signed(file, position=3)
    await second.close()

    assert before is not None
    assert before.checkpoint.position == 1


async def test_a_keeper_goes_on_when_it_could_not_sign(
    parts: Parts, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A directory that cannot be written is told of, and tried again."""
    file = CheckpointFile(tmp_path)
    (tmp_path / "checkpoint_key.pem").mkdir()
    keeper = Keeper(parts.ledger.reading, directory=tmp_path, seconds=0.02)
    keeper.start()
    await until(lambda: "No checkpoint was signed" in caplog.text)

    (tmp_path / "checkpoint_key.pem").rmdir()

    await until_signed(file, position=1)
    await keeper.close()
