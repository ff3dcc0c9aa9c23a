"""Verifications and checkpoints in JSON, the same for HTTP and the command line."""

import base64
from dataclasses import asdict
from typing import Any

from domain.checkpoint import CheckpointPage
from domain.ids import org_json
from domain.instants import iso
from domain.verified import Verified


def verification(found: Verified) -> dict[str, Any]:
    """What a verification came to."""
    return {
        "ok": found.ok,
        "org_id": org_json(found.org) if found.org is not None else None,
        "events": found.events,
        "position": found.position,
        "checkpoints": found.checkpoints,
        "checkpointed": found.checkpointed,
        "break": asdict(found.broken) if found.broken is not None else None,
        "damaged_checkpoints": [asdict(line) for line in found.damaged],
    }


def checkpoint_page(page: CheckpointPage) -> dict[str, Any]:
    """A page of checkpoints with the keys."""
    return {
        "checkpoints": [
            {
                "line": signed.line,
                "epoch": signed.checkpoint.epoch,
                "position": signed.checkpoint.position,
                "hash": signed.checkpoint.hash.hex(),
                "recorded_at": iso(signed.checkpoint.recorded_at),
                "key_id": signed.key_id,
                "signature": base64.b64encode(signed.signature).decode(),
            }
            for signed in page.checkpoints
        ],
        "next": page.next,
        "keys": [
            {
                "key_id": key.key_id,
                "algorithm": "Ed25519",
                "public_key": base64.b64encode(key.public_key).decode(),
                "since": iso(key.since),
                "current": key.current,
            }
            for key in page.keys
        ],
    }
