"""Data directories and processes that are gone when the test is."""

import sys
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Protocol

import pytest

from infra.postgres import EmbeddedPostgres
from infra.postgres.binaries import Binaries, find
from tests.infra.postgres.world import HOLD, ROOT, Holder, copy, eventually, is_over


class Hold(Protocol):
    def __call__(self, data_dir: Path, *, bin_dir: Path | None = None) -> EmbeddedPostgres: ...


class NewHolder(Protocol):
    def __call__(
        self,
        data_dir: Path,
        *,
        bin_dir: Path = ...,
        program: str = HOLD,
        prefix: tuple[str, ...] = (),
        python: str = ...,
        source: Path = ROOT,
    ) -> Holder: ...


@pytest.fixture(scope="session")
def binaries() -> Binaries:
    return find(None)


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory that was used and left; to be copied, which saves an initdb per test."""
    path = tmp_path_factory.mktemp("template") / "db"
    EmbeddedPostgres.hold(path).release()
    eventually(lambda: is_over(path))
    return path


@pytest.fixture
def new_dir(tmp_path: Path) -> Path:
    """Where no data directory is yet."""
    return tmp_path / "db"


@pytest.fixture(scope="module")
def data_dir(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory whose server does not run; shared by the tests of a module."""
    return copy(template, tmp_path_factory.mktemp("module") / "db")


@pytest.fixture
def own_dir(new_dir: Path, template: Path) -> Path:
    """A data directory for one test to spoil."""
    return copy(template, new_dir)


@pytest.fixture(scope="session")
def shared(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    """A running server for tests that only look."""
    data_dir = copy(template, tmp_path_factory.mktemp("shared") / "db")
    with EmbeddedPostgres.hold(data_dir) as held:
        yield held
    eventually(lambda: is_over(data_dir))


@pytest.fixture
def used() -> Iterator[list[Path]]:
    """Data directories whose servers have to be gone after the test."""
    paths: list[Path] = []
    yield paths
    for path in paths:
        eventually(partial(is_over, path))


@pytest.fixture
def hold(used: list[Path]) -> Iterator[Hold]:
    """Hold in this process, until the end of the test."""
    with ExitStack() as stack:

        def of(data_dir: Path, *, bin_dir: Path | None = None) -> EmbeddedPostgres:
            used.append(data_dir)
            return stack.enter_context(EmbeddedPostgres.hold(data_dir, bin_dir=bin_dir))

        yield of


@pytest.fixture
def new_holder(used: list[Path], binaries: Binaries) -> Iterator[NewHolder]:
    """Hold in a process of its own, which is killed at the end of the test."""
    with ExitStack() as stack:

        def of(
            data_dir: Path,
            *,
            bin_dir: Path = binaries.bin_dir,
            program: str = HOLD,
            prefix: tuple[str, ...] = (),
            python: str = sys.executable,
            source: Path = ROOT,
        ) -> Holder:
            used.append(data_dir)
            words = [*prefix, python, "-c", program, str(source), str(data_dir), str(bin_dir)]
            holder = Holder(words)
            stack.callback(holder.close)
            return holder

        yield of
