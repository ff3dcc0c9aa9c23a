"""One line of the file of checkpoints, read and written."""

import base64
import json
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from domain.checkpoint import Checkpoint, SignedCheckpoint
from domain.instants import aware, from_iso, iso
from domain.refusals import Refusal
from infra.integrity.keys import key_id

_HASH_BYTES = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of the file: a checkpoint, or what is wrong with it."""

    number: int
    signed: SignedCheckpoint | None = None
    problem: str | None = None


def read_line(number: int, raw: bytes) -> Line:
    """What a line says; whether it is signed rightly is another question."""
    try:
        body: Any = json.loads(raw)
        checkpoint = Checkpoint(
            epoch=_number(body["epoch"]),
            position=_number(body["position"]),
            hash=bytes.fromhex(body["hash"]),
            recorded_at=aware(from_iso(body["recorded_at"]), field="recorded_at"),
        )
        if len(checkpoint.hash) != _HASH_BYTES:
            raise ValueError("a hash has 32 bytes")
        signed = SignedCheckpoint(
            line=number,
            checkpoint=checkpoint,
            key_id=str(body["key_id"]),
            signature=base64.b64decode(body["signature"], validate=True),
        )
    except (ValueError, KeyError, TypeError, RecursionError, Refusal):
        return Line(number=number, problem="it is no checkpoint")
    return Line(number=number, signed=signed)


def write_line(checkpoint: Checkpoint, *, key: Ed25519PrivateKey) -> bytes:
    """A checkpoint, signed, as one line."""
    body = {
        "epoch": checkpoint.epoch,
        "position": checkpoint.position,
        "hash": checkpoint.hash.hex(),
        "recorded_at": iso(checkpoint.recorded_at),
        "key_id": key_id(key.public_key()),
        "signature": base64.b64encode(key.sign(checkpoint.signed_text())).decode(),
    }
    return json.dumps(body).encode() + b"\n"


def _number(value: object) -> int:
    if type(value) is not int or not 0 <= value < 1 << 63:
        raise ValueError(value)
    return value
