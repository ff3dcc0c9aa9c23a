"""The file of checkpoints: one JSON object a line, each signed, appended and never rewritten."""

import os
from collections.abc import Generator
from datetime import datetime
from itertools import islice
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from domain.checkpoint import Checkpoint, SignedCheckpoint
from infra.integrity.disk import sync_directory
from infra.integrity.keys import Keys
from infra.integrity.lines import Line, read_line, write_line
from infra.integrity.ring import Ring
from infra.postgres.locks import open_private, write_whole

FILE = "checkpoints.jsonl"
_TAIL_BYTES = 64 * 1024


class CheckpointsDamaged(Exception):
    """The end of the file cannot be trusted, so nothing is added to it; says what to do."""


class CheckpointFile:
    """The checkpoints in one directory, beside the keys that signed them."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / FILE
        self.keys = Keys(directory)

    def parsed(self, *, after: int = 0) -> Generator[Line, None, None]:
        """The lines after the first `after`, without a look at their signatures."""
        try:
            with self.path.open("rb") as file:
                for number, raw in enumerate(islice(file, after, None), start=after + 1):
                    yield read_line(number, raw)
        except FileNotFoundError:
            return

    def lines(self) -> Generator[Line, None, None]:
        """Every line, judged: signed by a listed key that had no successor, and in order."""
        ring = Ring(self.keys)
        newest, before = 0, (0, 0)
        for line in self.parsed():
            signed = line.signed
            if signed is None:
                yield line
                continue
            rank = ring.rank(signed)
            place = (signed.checkpoint.epoch, signed.checkpoint.position)
            problem = None
            if rank is None:
                problem = f"key {signed.key_id} is not listed, or its signature is not valid"
            elif rank < newest:
                problem = f"key {signed.key_id} was replaced before"
            elif place < before:
                problem = "it is older than the line before it"
            else:
                newest, before = rank, place
            yield line if problem is None else Line(number=line.number, problem=problem)

    def last(self) -> SignedCheckpoint | None:
        """The newest checkpoint with a valid signature; None where there is no file yet.

        Raises:
            CheckpointsDamaged: there are lines, and none of the last is a valid one.
        """
        ring = Ring(self.keys)
        try:
            with self.path.open("rb") as file:
                size = file.seek(0, os.SEEK_END)
                file.seek(max(0, size - _TAIL_BYTES))
                raws = file.read().splitlines()
        except FileNotFoundError:
            return None
        for raw in reversed(raws):
            signed = read_line(0, raw).signed
            if signed is not None and ring.rank(signed) is not None:
                return signed
        if not size:
            return None
        raise CheckpointsDamaged(
            f"No line at the end of {self.path} is a checkpoint of ours: put back a copy of it, or "
            "move it away together with checkpoint_keys.json and checkpoint_key.pem."
        )

    def signing(self, *, now: datetime) -> Ed25519PrivateKey:
        """The key to sign with; the first one is made, once there is a file for it.

        Raises:
            CheckpointsDamaged: there is a key, and what it signed is gone.
            KeysDamaged: the key or the list of keys cannot be read.
        """
        self._begin()
        return self.keys.signing(now=now)

    def rotate(self, *, now: datetime) -> str:
        """Make a new key and sign with it from now on; answers its id. Raises as `signing`."""
        self._begin()
        return self.keys.rotate(now=now)

    def append(self, checkpoint: Checkpoint, *, key: Ed25519PrivateKey) -> None:
        """Sign a checkpoint and have it on the disk."""
        fd = open_private(self.path, os.O_RDWR | os.O_APPEND)
        try:
            _drop_unfinished(fd)
            write_whole(fd, write_line(checkpoint, key=key))
            os.fsync(fd)
        finally:
            os.close(fd)

    def _begin(self) -> None:
        if self.path.exists():
            return
        if self.keys.exists():
            raise CheckpointsDamaged(
                f"{self.path} is not there, and the key that signs it is: put back a copy of it, "
                "or move the key away, too, to begin anew."
            )
        os.close(open_private(self.path, os.O_RDWR))
        sync_directory(self.path.parent)


def _drop_unfinished(fd: int) -> None:
    """Cut off a last line without its end: a power failure came before it was promised."""
    size = os.fstat(fd).st_size
    tail = os.pread(fd, _TAIL_BYTES, max(0, size - _TAIL_BYTES))
    if tail and not tail.endswith(b"\n"):
        os.ftruncate(fd, size - len(tail) + tail.rfind(b"\n") + 1)
