"""Changes to come as OpenAPI shows them."""

from pydantic import BaseModel

from api.documents import Change


class PendingChange(BaseModel):
    """Something that will begin or end by itself, and who scheduled it.

    `key` is null where a block covers the whole org.
    """

    change_id: str
    at: str
    kind: str
    key: str | None
    scope: str | None
    category: str | None
    source: str | None
    source_ref: str | None
    grant_id: str | None
    block_id: str | None
    states: dict[str, Change]
    cancellable: bool
    actor: str
    actor_type: str
    reason: str
    ticket: str | None
    position: int
    recorded_at: str


class PendingChanges(BaseModel):
    """Everything that is still to come for an org, in that order."""

    org_id: int | str
    org_version: int
    catalog_version: int
    evaluated_at: str
    pending: list[PendingChange]
