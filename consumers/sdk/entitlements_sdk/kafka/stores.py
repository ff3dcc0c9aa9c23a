"""Where a subscriber keeps how far it has come; a file, or whatever its service has.

The file has a line of JSON for each step, and is written anew once most of it is outdated.
"""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from entitlements_sdk.kafka.news import Version

_LINES_TO_SPARE = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What one step comes to: the next offset of every partition, and the versions it told.

    A step of another epoch begins with nothing. A version of None: the org is gone.
    """

    epoch: int
    offsets: Mapping[int, int]
    versions: Mapping[str, Version | None]


@dataclass(slots=True, kw_only=True)
class Progress:
    """How far a subscriber has come; as it is made here, it has not begun."""

    epoch: int = 0
    offsets: dict[int, int] = field(default_factory=dict)
    versions: dict[str, Version] = field(default_factory=dict)

    def take(self, step: Step) -> None:
        """Go on by one step."""
        if step.epoch != self.epoch:
            self.epoch, self.versions = step.epoch, {}
        self.offsets = dict(step.offsets)
        for org, version in step.versions.items():
            if version is None:
                self.versions.pop(org, None)
            else:
                self.versions[org] = version


class Store(Protocol):
    """A subscriber's own memory, which outlives it."""

    def load(self) -> Progress:
        """How far it has come; an empty `Progress` for one that never was."""
        ...

    def step(self, step: Step) -> AbstractContextManager[object]:
        """Keep `step` once the block has ended, and nothing of it when the block raises.

        The handler is called within. Where its work and the step go into one transaction, each
        state is told once, whatever crashes; where they do not, what a crash leaves between the two
        is told again.
        """
        ...


class FileStore:
    """Keeps it in a file of its own.

    Args:
        path: the file; its directory must exist and be writable. One subscriber each.
    """

    def __init__(self, path: str | Path) -> None:
        self._path = Path(path)
        self._lines = 0

    def load(self) -> Progress:
        """See `Store.load`. The end of a file that was torn by a crash counts for nothing."""
        progress = Progress()
        if self._path.exists():
            for line in self._path.read_bytes().split(b"\n")[:-1]:
                progress.take(_read(json.loads(line)))
        self._write_anew(progress)
        return progress

    @contextmanager
    def step(self, step: Step) -> Iterator[None]:
        """See `Store.step`."""
        yield
        with self._path.open("ab") as file:
            file.write(_line(step))
            file.flush()
            os.fsync(file.fileno())
        self._lines += 1
        if self._lines > _LINES_TO_SPARE:
            self.load()

    def _write_anew(self, progress: Progress) -> None:
        made = self._path.with_name(f".{self._path.name}.new")
        with made.open("wb") as file:
            whole = Step(
                epoch=progress.epoch, offsets=progress.offsets, versions=dict(progress.versions)
            )
            file.write(_line(whole))
            file.flush()
            os.fsync(file.fileno())
        made.replace(self._path)
        _keep_names(self._path.parent)
        self._lines = 0


def _keep_names(directory: Path) -> None:
    """Have the names in a directory outlast a loss of power, too."""
    if os.name != "posix":
        return  # elsewhere a directory cannot be opened
    held = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(held)
    finally:
        os.close(held)


def _line(step: Step) -> bytes:
    written = {"epoch": step.epoch, "offsets": step.offsets, "versions": step.versions}
    return json.dumps(written, separators=(",", ":")).encode() + b"\n"


def _read(written: Mapping[str, Any]) -> Step:
    return Step(
        epoch=written["epoch"],
        offsets={int(partition): offset for partition, offset in written["offsets"].items()},
        versions={
            org: None if version is None else Version(*version)
            for org, version in written["versions"].items()
        },
    )
