"""A subscriber's file: what was kept is there again, what was torn is not."""

import os
from pathlib import Path
from stat import S_ISDIR

import pytest

from entitlements_sdk.kafka import FileStore, Progress, Step, Version, stores


def a_step(offset: int, *, epoch: int = 1, **versions: Version | None) -> Step:
    return Step(epoch=epoch, offsets={0: offset}, versions=versions)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "position"


def test_what_was_kept_is_there_again(path: Path) -> None:
    store = FileStore(path)
    assert store.load() == Progress()
    for step in (a_step(1, a=Version(1, 1, 0), b=Version(1, 1, 0)), a_step(2, a=None)):
        with store.step(step):
            pass
    kept = Progress(epoch=1, offsets={0: 2}, versions={"b": Version(1, 1, 0)})
    assert FileStore(path).load() == kept


def test_what_is_kept_outlasts_a_loss_of_power(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was written anew is on disk before its name is, and the name before anything else."""
    done: list[str] = []

    def fsync(fd: int) -> None:
        done.append("names" if S_ISDIR(os.fstat(fd).st_mode) else "content")
        if done[-1] == "names":
            assert path.exists()

    monkeypatch.setattr(os, "fsync", fsync)
    store = FileStore(path)
    store.load()
    with store.step(a_step(1)):
        pass
    assert done == ["content", "names", "content"]


def test_another_epoch_begins_with_nothing(path: Path) -> None:
    store = FileStore(path)
    for step in (a_step(1, a=Version(9, 1, 0)), a_step(1, epoch=2)):
        with store.step(step):
            pass
    assert store.load() == Progress(epoch=2, offsets={0: 1})


def test_what_raises_is_not_kept(path: Path) -> None:
    store = FileStore(path)
    with pytest.raises(RuntimeError), store.step(a_step(1)):
        raise RuntimeError
    assert store.load() == Progress()


def test_a_torn_line_counts_for_nothing(path: Path) -> None:
    store = FileStore(path)
    with store.step(a_step(1)):
        pass
    whole = path.read_bytes()
    with store.step(a_step(2)):
        pass
    path.write_bytes(path.read_bytes()[: len(whole) + 10])
    assert store.load().offsets == {0: 1}
    with store.step(a_step(3)):
        pass
    assert store.load().offsets == {0: 3}


def test_the_file_does_not_grow_for_ever(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stores, "_LINES_TO_SPARE", 10)
    store = FileStore(path)
    for offset in range(50):
        with store.step(a_step(offset)):
            pass
    assert len(path.read_bytes().splitlines()) <= 12
    assert store.load().offsets == {0: 49}
