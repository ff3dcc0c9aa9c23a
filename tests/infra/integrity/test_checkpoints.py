"""The file of checkpoints: what it proves, and what of it is not believed."""

import base64
import json
import stat
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from psycopg import AsyncConnection

from infra.clock import wall_clock
from infra.integrity.checkpoints import FILE, CheckpointFile, CheckpointsDamaged
from infra.integrity.keeper import Keeper, NotExtended
from infra.integrity.keys import LISTED, PRIVATE, Keys, KeysDamaged
from infra.integrity.verifying import verify_log
from tests.infra.integrity.world import end_head, log, over

pytestmark = pytest.mark.anyio


@pytest.fixture
def keeper(forger: AsyncConnection, tmp_path: Path) -> Keeper:
    """A keeper of a directory in which nothing is yet."""
    return Keeper(over(forger), directory=tmp_path)


@pytest.fixture
def file(tmp_path: Path) -> CheckpointFile:
    return CheckpointFile(tmp_path)


def lines(directory: Path) -> list[dict[str, Any]]:
    """What the file says, line by line."""
    return [json.loads(line) for line in (directory / FILE).read_text().splitlines()]


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def rewritten(directory: Path, *lines: dict[str, Any] | str) -> None:
    """Put other lines into the file."""
    texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    (directory / FILE).write_text("".join(f"{text}\n" for text in texts))


async def damaged(forger: AsyncConnection, file: CheckpointFile) -> list[tuple[int, str]]:
    """The lines that verification names."""
    found = await verify_log(over(forger), checkpoints=file)
    return [(line.line, line.problem) for line in found.damaged]


async def cut(forger: AsyncConnection, *, after: int) -> None:
    """Cut the tail off, so that the database alone does not show it."""
    await forger.execute("DELETE FROM ledger.events WHERE position > %s", (after,))
    await end_head(forger)


async def test_the_first_checkpoint_makes_a_key_that_only_its_owner_reads(
    keeper: Keeper, tmp_path: Path
) -> None:
    await keeper.sign()

    assert {mode(tmp_path / name) for name in (PRIVATE, LISTED, FILE)} == {0o600}


async def test_a_checkpoint_can_be_verified_with_the_public_key_alone(
    forger: AsyncConnection, keeper: Keeper, tmp_path: Path
) -> None:
    """By anybody, with four fields, a text to put them in, and Ed25519."""
    await keeper.sign()

    [line] = lines(tmp_path)
    [listed] = json.loads((tmp_path / LISTED).read_text())["keys"]
    last = (await log(forger))[-1]
    assert line["key_id"] == listed["key_id"]
    assert (line["epoch"], line["position"], line["hash"]) == (1, last.position, last.hash.hex())
    text = "entitlements ledger checkpoint v1\n{epoch}\n{position}\n{hash}\n{recorded_at}\n"
    key = Ed25519PublicKey.from_public_bytes(base64.b64decode(listed["public_key"]))
    key.verify(base64.b64decode(line["signature"]), text.format(**line).encode())


async def test_what_did_not_move_is_not_signed_again(keeper: Keeper, tmp_path: Path) -> None:
    first, second = await keeper.sign(), await keeper.sign()

    assert first is not None
    assert second is None
    assert len(lines(tmp_path)) == 1


async def test_a_line_that_is_no_checkpoint_is_named(
    forger: AsyncConnection, keeper: Keeper, file: CheckpointFile, tmp_path: Path
) -> None:
    await keeper.sign()
    [line] = lines(tmp_path)
    odd = [line | {"hash": "00"}, line | {"position": -1}, line | {"recorded_at": "2026-01-01"}]
    rewritten(tmp_path, "{", line, "[]", *odd, line | {"epoch": True}, line | {"signature": "!"})

    problem = "it is no checkpoint"
    assert await damaged(forger, file) == [(number, problem) for number in (1, 3, 4, 5, 6, 7, 8)]


@pytest.mark.parametrize(
    "change",
    [{"position": 5}, {"epoch": 0}, {"hash": "00" * 32}, {"recorded_at": "2026-01-01T00:00:00Z"}],
    ids=lambda change: next(iter(change)),
)
async def test_a_line_that_was_changed_is_named(
    forger: AsyncConnection,
    keeper: Keeper,
    file: CheckpointFile,
    tmp_path: Path,
    change: dict[str, Any],
) -> None:
    """And no longer taken for what the log should be."""
    await keeper.sign()
    [line] = lines(tmp_path)
    rewritten(tmp_path, line | change)

    [(number, problem)] = await damaged(forger, file)

    assert number == 1
    assert "signature is not valid" in problem
    assert (await verify_log(over(forger), checkpoints=file)).broken is None


async def test_a_line_signed_by_a_key_of_somebody_else_is_named(
    forger: AsyncConnection, keeper: Keeper, file: CheckpointFile
) -> None:
    """Whoever can write the file cannot sign for us."""
    checkpoint = await keeper.sign()
    assert checkpoint is not None
    file.append(checkpoint, key=Ed25519PrivateKey.generate())

    [(number, problem)] = await damaged(forger, file)

    assert number == 2
    assert "is not listed" in problem


async def test_an_older_checkpoint_that_was_put_behind_a_newer_one_is_named(
    written_lines: list[dict[str, Any]],
    forger: AsyncConnection,
    file: CheckpointFile,
    tmp_path: Path,
) -> None:
    rewritten(tmp_path, *written_lines, written_lines[0])

    problem = "it is older than the line before it"
    assert await damaged(forger, file) == [(len(written_lines) + 1, problem)]


async def test_the_file_cannot_just_be_taken_away(
    forger: AsyncConnection, keeper: Keeper, file: CheckpointFile, tmp_path: Path
) -> None:
    """A key that signed nothing gives it away."""
    await keeper.sign()
    (tmp_path / FILE).unlink()

    assert [number for number, _ in await damaged(forger, file)] == [0]
    with pytest.raises(CheckpointsDamaged):
        await keeper.sign()


async def test_a_last_line_without_an_end_is_dropped_before_the_next(
    forger: AsyncConnection, keeper: Keeper, file: CheckpointFile, tmp_path: Path
) -> None:
    """The power failed while it was written; nobody was told that it was there."""
    await keeper.sign()
    with (tmp_path / FILE).open("a") as torn:
        torn.write('{"epoch": 1, "pos')
    assert len(await damaged(forger, file)) == 1
    Keys(tmp_path).rotate(now=wall_clock())  # so that there is something to sign

    await keeper.sign()

    assert await damaged(forger, file) == []
    assert len(lines(tmp_path)) == 2


async def test_nothing_is_added_to_a_file_that_says_nothing(keeper: Keeper, tmp_path: Path) -> None:
    """What was there may be lost; a new beginning would hide that."""
    await keeper.sign()
    rewritten(tmp_path, "nothing of ours")

    with pytest.raises(CheckpointsDamaged):
        await keeper.sign()


async def test_a_log_that_does_not_continue_the_last_checkpoint_is_not_signed(
    forger: AsyncConnection, keeper: Keeper, tmp_path: Path
) -> None:
    """Otherwise a signature would say that a forgery is the log."""
    await keeper.sign()
    await cut(forger, after=50)

    with pytest.raises(NotExtended):
        await keeper.sign()
    with pytest.raises(NotExtended):
        await keeper.sign(restored=True)  # no restore: the epoch is the same

    assert len(lines(tmp_path)) == 1


async def test_a_restored_backup_is_signed_anew_in_its_new_epoch(
    forger: AsyncConnection, keeper: Keeper, file: CheckpointFile
) -> None:
    """What was lost with the operator's knowledge is no longer held against the log."""
    await keeper.sign()
    await cut(forger, after=50)
    await forger.execute("UPDATE ledger.head SET epoch = epoch + 1")
    before = await verify_log(over(forger), checkpoints=file)

    await keeper.sign(restored=True)

    after = await verify_log(over(forger), checkpoints=file)
    assert before.broken is not None
    assert (before.broken.kind, before.broken.position) == ("tail_cut", 51)
    assert after.ok
    assert (after.checkpoints, after.checkpointed) == (1, 50)


async def test_a_new_epoch_alone_excuses_nothing(
    forger: AsyncConnection, keeper: Keeper, file: CheckpointFile
) -> None:
    """Who can cut the log can also raise the epoch; only a signature tells that it was meant."""
    await keeper.sign()
    await cut(forger, after=50)
    await forger.execute("UPDATE ledger.head SET epoch = epoch + 1")

    with pytest.raises(NotExtended):
        await keeper.sign()
    assert not (await verify_log(over(forger), checkpoints=file)).ok


async def test_an_epoch_that_fell_is_named(
    forger: AsyncConnection, keeper: Keeper, file: CheckpointFile
) -> None:
    await forger.execute("UPDATE ledger.head SET epoch = 2")
    await keeper.sign()
    await forger.execute("UPDATE ledger.head SET epoch = 1")

    found = await verify_log(over(forger), checkpoints=file)

    assert found.broken is not None
    assert found.broken.kind == "head_mismatch"


async def test_what_an_old_key_signed_stays_valid_when_another_takes_over(
    forger: AsyncConnection, keeper: Keeper, file: CheckpointFile, tmp_path: Path
) -> None:
    old = await keeper.sign()
    Keys(tmp_path).rotate(now=wall_clock())

    new = await keeper.sign()

    assert old == new
    assert len({line["key_id"] for line in lines(tmp_path)}) == 2
    assert [key.current for key in file.keys.listed()] == [False, True]
    assert (await verify_log(over(forger), checkpoints=file)).checkpoints == 2


async def test_a_key_that_was_replaced_signs_no_more(
    forger: AsyncConnection, keeper: Keeper, file: CheckpointFile, tmp_path: Path
) -> None:
    """Whoever stole it can add nothing."""
    checkpoint = await keeper.sign()
    assert checkpoint is not None
    stolen = Keys(tmp_path).signing(now=wall_clock())
    Keys(tmp_path).rotate(now=wall_clock())
    await keeper.sign()
    file.append(checkpoint, key=stolen)

    [(number, problem)] = await damaged(forger, file)

    assert number == 3
    assert "was replaced before" in problem


async def test_a_list_of_keys_that_is_lost_is_begun_again_with_the_key_that_signs(
    forger: AsyncConnection, keeper: Keeper, file: CheckpointFile, tmp_path: Path
) -> None:
    """Keys that were replaced before then are known no longer."""
    await keeper.sign()
    (tmp_path / LISTED).unlink()
    assert [number for number, _ in await damaged(forger, file)] == [1]

    Keys(tmp_path).signing(now=wall_clock())

    assert await damaged(forger, file) == []


@pytest.mark.parametrize("content", ["", "[]", '{"keys": [{}]}', '{"keys": [{"public_key": "x"}]}'])
async def test_a_list_of_keys_that_cannot_be_read_is_named(
    forger: AsyncConnection, keeper: Keeper, file: CheckpointFile, tmp_path: Path, content: str
) -> None:
    await keeper.sign()
    (tmp_path / LISTED).write_text(content)

    [(number, problem)] = await damaged(forger, file)

    assert (number, LISTED in problem) == (0, True)


async def test_a_key_that_cannot_be_read_is_never_replaced_by_itself(
    keeper: Keeper, tmp_path: Path
) -> None:
    await keeper.sign()
    (tmp_path / PRIVATE).write_text("no key")

    with pytest.raises(KeysDamaged):
        await keeper.sign()
    assert (tmp_path / PRIVATE).read_text() == "no key"


@pytest.fixture
def written_lines(written: Any, tmp_path: Path) -> list[dict[str, Any]]:
    """The checkpoints of the written history, with the keys they were signed with."""
    original = written.checkpoints.path
    for name in (PRIVATE, LISTED, FILE):
        (tmp_path / name).write_bytes((original.parent / name).read_bytes())
    return lines(tmp_path)
