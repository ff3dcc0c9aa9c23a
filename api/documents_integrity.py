"""Verification and checkpoints as OpenAPI shows them."""

from pydantic import BaseModel, Field

from domain.breaks import Kind


class FoundBreak(BaseModel):
    """The first place at which the log is not what was written."""

    kind: Kind
    position: int
    since: int | None = Field(
        description="the last position known to be right, where nothing tells more exactly"
    )
    detail: str


class Damaged(BaseModel):
    """A line of the checkpoints that proves nothing; line 0 stands for the file itself."""

    line: int
    problem: str


class Verification(BaseModel):
    """Whether the log is what was written, up to `position`."""

    ok: bool
    org_id: int | str | None
    events: int
    position: int
    checkpoints: int = Field(description="kept outside the database, and extended by the log")
    checkpointed: int | None = Field(description="position of the last of them")
    found: FoundBreak | None = Field(alias="break")
    damaged_checkpoints: list[Damaged]


class KeptCheckpoint(BaseModel):
    """A checkpoint, its line in the file, and its signature in base64."""

    line: int
    epoch: int
    position: int
    hash: str
    recorded_at: str
    key_id: str
    signature: str


class PublicKey(BaseModel):
    """A key that signed checkpoints; `current` signs them now. `public_key` is base64."""

    key_id: str
    algorithm: str
    public_key: str
    since: str
    current: bool


class Checkpoints(BaseModel):
    """A page of the checkpoints, oldest first, with every public key."""

    checkpoints: list[KeptCheckpoint]
    next: int | None
    keys: list[PublicKey]
