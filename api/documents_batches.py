"""Batches as OpenAPI shows them."""

from typing import Any

from pydantic import BaseModel, Field

from domain.bulk_rows import Outcome


class RowAnswer(BaseModel):
    """What became of one row; rows count from 1, the header of CSV not counted.

    `org_version` is the org's after all of its rows; `code` and `message` say why one was refused.
    """

    row: int
    org: int | str | None
    command: str | None
    outcome: Outcome
    code: str | None = None
    message: str | None = None
    org_version: int | None
    positions: list[int]
    warnings: list[str]


class BatchAnswer(BaseModel):
    """What a batch came to. `known` rows were applied by an earlier run of the same batch."""

    batch_id: str
    rows: int
    changed: int
    unchanged: int
    refused: int
    known: int
    results: list[RowAnswer]
    dry_run: bool | None = None
    plan_token: str | None = None


class BatchOrgEntry(BaseModel):
    """What a batch did to one org."""

    org_id: int | str
    events: int
    first_position: int
    last_position: int


class BatchShown(BaseModel):
    """What a batch did: actor, reason and ticket are those of its first event.

    `next` is what `after` must be for the following page of orgs.
    """

    batch_id: str
    events: int
    org_count: int
    types: dict[str, int]
    first_position: int
    last_position: int
    started_at: str
    ended_at: str
    actor: str
    actor_type: str
    reason: str
    ticket: str | None
    undoes: str | None
    undone_by: str | None
    orgs: list[BatchOrgEntry]
    next: str | None


class UndoneItem(BaseModel):
    """One grant, trial or block that the batch touched: what was done to it, or why nothing was.

    `undone` is `ended`, `end_moved`, `reopened`, `lifted` or `raised`; `from` null means now.
    `skipped` is `over`, `moved_since`, `slot_taken`, `registration_stays` or `not_undoable`.
    """

    what: str
    id: str | None = None
    key: str | None = None
    source: str | None = None
    undone: str | None
    starts: str | None = Field(default=None, alias="from")
    until: str | None = None
    skipped: str | None


class UndoneOrg(BaseModel):
    """What undoing a batch came to for one org."""

    org: int | str
    outcome: Outcome
    code: str | None = None
    message: str | None = None
    org_version: int | None
    positions: list[int]
    items: list[UndoneItem]


class UndoAnswer(BaseModel):
    """What undoing a batch came to; the undo is a batch of its own, `batch_id`."""

    batch_id: str
    undoes: str
    orgs: int
    changed: int
    unchanged: int
    refused: int
    known: int
    undone: int
    skipped: dict[str, int]
    results: list[UndoneOrg]
    dry_run: bool | None = None
    plan_token: str | None = None


ROWS: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": (
            "One row each: `org`, `command` (`grant`, `revoke`, ...) and the fields of that "
            "command's body; at most 10,000 rows and 8 MiB."
        ),
        "content": {
            "application/x-ndjson": {
                "schema": {"type": "string"},
                "example": '{"org": 42, "command": "grant", "key": "crm"}\n',
            },
            "text/csv": {
                "schema": {"type": "string"},
                "example": "org,command,key,until\n42,grant,crm,2030-01-01T00:00:00Z\n",
            },
        },
    }
}
"""The body of a batch, which is read as it is."""
