"""What the log was at one moment, in the form in which it is signed and kept outside of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from domain.instants import iso


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """In ledger epoch `epoch` the log ended at `position` with `hash`, last written `recorded_at`.

    The hash covers every event up to that position, so whoever has a checkpoint can tell whether
    a log is that log, or one that continues it.
    """

    epoch: int
    position: int
    hash: bytes
    recorded_at: datetime

    def signed_text(self) -> bytes:
        """The bytes that are signed; never rename."""
        return (
            f"entitlements ledger checkpoint v1\n{self.epoch}\n{self.position}\n"
            f"{self.hash.hex()}\n{iso(self.recorded_at)}\n"
        ).encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedCheckpoint:
    """A checkpoint as it is kept: its line in the file, who signed it, and the signature."""

    line: int
    checkpoint: Checkpoint
    key_id: str
    signature: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointKey:
    """A key that signed or signs checkpoints; `public_key` are its 32 bytes (Ed25519)."""

    key_id: str
    public_key: bytes
    since: datetime
    current: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointPage:
    """Some checkpoints, oldest first, and every key; `next` is the `after` of the next page."""

    checkpoints: Sequence[SignedCheckpoint]
    keys: Sequence[CheckpointKey]
    next: int | None
