"""Batches: one file for many orgs, whole for each org and once ever under its id.

Refusal
├── Unacceptable
│   └── InvalidBatchId
├── Absent
│   └── UnknownBatch
└── Unavailable
    └── BatchCut        the ledger could not go on; what was applied stays
"""

import hashlib
import json
import re
from abc import abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any
from uuid import UUID, uuid5

from domain.actors import Provenance
from domain.catalog import Catalog
from domain.commands import Command
from domain.ids import OrgId
from domain.orders import Answer
from domain.org import Org
from domain.refusals import (
    Absent,
    PlanMismatch,
    PlanMoved,
    Refusal,
    Unacceptable,
    Unavailable,
)

MOST_ROWS = 10_000
UNDO = "undo-"  # never rename: the batch that undid another is found by its id

_BATCHES = UUID("8f3d1f0a-64c1-4f0e-9a3e-6f0b7a1f5c92")  # never rename: command ids derive from it
_BATCH_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.\-]{7,63}")
_LONGEST = 128  # characters, with every `undo-` before it
_WHERE = (
    "The answer to a batch names its id, and so does each of its events: "
    "'entitlements audit search --json' and GET /api/v1/audit/events show them as 'batch_id'."
)


class InvalidBatchId(Unacceptable):
    """A batch cannot be called so."""

    code = "invalid_batch_id"
    hint = (
        "Use 8 to 64 letters, digits, '_', '.' or '-', beginning with a letter or digit and not "
        "with 'undo-'. A new batch that is given none gets one, and its answer says which."
    )

    def __init__(self, batch_id: str, *, hint: str | None = None) -> None:
        super().__init__(f"'{batch_id[:_LONGEST]}' is no batch id.", batch_id=batch_id[:_LONGEST])
        self.hint = hint or self.hint


class UnknownBatch(Absent):
    """Nothing was ever recorded under this id."""

    code = "unknown_batch"
    hint = _WHERE

    def __init__(self, batch_id: str) -> None:
        super().__init__(f"No event belongs to batch {batch_id}.", batch_id=batch_id)


class BatchCut(Unavailable):
    """The ledger could not go on; every org has all of its rows or none."""

    code = "batch_cut"
    hint = "What was applied stays. Send the same again under the same batch id: it goes on."

    def __init__(self, batch_id: str, *, because: str) -> None:
        super().__init__(f"Batch {batch_id} was cut off: {because}")
        self.facts |= {"batch_id": batch_id}


class Parts(Command):
    """A command made of parts; `came_to` is what each was in the last judgement, as JSON.

    It is kept with the answer, so that who asks again learns the same.
    """

    came_to: list[Any]

    @abstractmethod
    def printed(self) -> Any:
        """What it asks for, as JSON: the same again is the same command."""

    def addendum(self, org: Org, catalog: Catalog, at: datetime) -> list[Any]:
        """What each part came to."""
        return self.came_to


@dataclass(frozen=True, kw_only=True)
class Work:
    """All that a batch asks of one org; `by` is the word of its first part."""

    org: OrgId
    command: Parts
    by: Provenance

    def command_id(self, batch_id: str) -> UUID:
        """The one command of a batch for this org."""
        return uuid5(_BATCHES, json.dumps([batch_id, self.org]))

    @cached_property
    def fingerprint(self) -> bytes:
        """The digest of what is asked."""
        return digest([self.org, self.command.printed()])


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """What became of the work on one org: an answer, `known` if of an earlier run, or none."""

    work: Work
    answer: Answer | None = None
    refusal: Refusal | None = None
    known: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Undone:
    """What undoing the batch `undoes` came to, org by org; itself a batch, under `batch_id`."""

    batch_id: str
    undoes: str
    settled: Sequence[Settled]
    plan_token: str | None


def chosen_id(raw: str) -> str:
    """`raw` as the id of a new batch.

    Raises:
        InvalidBatchId: it is too short or too long, has other characters, or is that of an undo.
    """
    if not _BATCH_ID.fullmatch(raw) or raw.startswith(UNDO):
        raise InvalidBatchId(raw)
    return raw


def batch_id(raw: str) -> str:
    """`raw` as the id of a batch there may be.

    Raises:
        InvalidBatchId: it cannot be one.
    """
    bare = raw
    while bare.startswith(UNDO):
        bare = bare.removeprefix(UNDO)
    if not _BATCH_ID.fullmatch(bare) or len(raw) > _LONGEST:
        raise InvalidBatchId(raw, hint=_WHERE)
    return raw


def undo_id(batch_id: str) -> str:
    """The batch that undoes a batch."""
    return UNDO + batch_id


def undone_id(batch_id: str) -> str | None:
    """The batch that a batch undid, None where it is no undo."""
    return batch_id.removeprefix(UNDO) if batch_id.startswith(UNDO) else None


def digest(content: Any) -> bytes:
    """The same for the same content."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).digest()


def plan_token(works: Iterable[Work], settled: Iterable[Settled]) -> str:
    """What the preview of a batch read and would do: as `plan_token` of an order, for all of them.

    Its first part tells the request, the second what the orgs were like.
    """
    asked = digest([work.fingerprint.hex() for work in works])
    read = digest([_read(one) for one in settled])
    return f"{asked.hex()[:16]}.{read.hex()[:32]}"


def check_plan(given: str | None, token: str, *, batch_id: str) -> None:
    """Raises PlanMismatch or PlanMoved unless the plan that is given still holds."""
    if given is None or given == token:
        return
    if given.partition(".")[0] != token.partition(".")[0]:
        raise PlanMismatch
    raise PlanMoved(batch=batch_id)


def _read(settled: Settled) -> list[Any]:
    answer, refusal = settled.answer, settled.refusal
    return [
        settled.work.org,
        settled.known,
        answer.plan_token if answer is not None else None,
        answer.addendum if answer is not None else None,
        [refusal.code, refusal.message] if refusal is not None else None,
    ]
