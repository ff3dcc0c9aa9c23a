"""Questions and answers of the decision, and what programs decide by themselves with."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StrictInt, StrictStr

from api.bodies import RawKey, Reference
from api.tokens import Role
from api.written import Instant

MOST_ORGS = 100
MOST_KEYS = 100

RawOrg = Annotated[StrictInt | StrictStr, Field(description="an org id")]


class ActorBody(BaseModel):
    """Whom a service asks about, as that actor's token says."""

    model_config = ConfigDict(extra="forbid")

    role: Role
    org_id: RawOrg | None = None
    permissions: list[str] = Field(default=[], max_length=1000)


class Question(BaseModel):
    """What every question may say beside the orgs and the keys."""

    model_config = ConfigDict(extra="forbid")

    actor: ActorBody | None = Field(default=None, description="absent: the caller")
    permission: Reference | None = Field(default=None, description="must be held as well")
    at: Instant | None = Field(default=None, description="the instant to judge at; absent: now")


class CheckBody(Question):
    """May the caller, or an actor, use a key of an org?"""

    org: RawOrg
    key: RawKey


class BatchBody(Question):
    """The same for every one of the orgs and every one of the keys, at one instant."""

    orgs: list[RawOrg] = Field(min_length=1, max_length=MOST_ORGS)
    keys: list[RawKey] = Field(min_length=1, max_length=MOST_KEYS)


class Decision(BaseModel):
    """The answer. `not_after` is the instant from which it must not be used any more.

    `denied_by` names the reason of a denial, `would_deny` one that shadow mode let pass;
    `bypassable` marks a denial that a super admin may set aside; `stale` an answer by what was
    known before the ledger went out of reach.
    """

    allowed: bool
    status: str
    denied_by: str | None
    code: str
    decision_id: str
    org_version: int
    catalog_version: int
    rollout_version: int
    evaluated_at: str
    not_after: str | None
    stale: bool
    would_deny: str | None
    bypassable: bool


class ItemError(BaseModel):
    """Why an item of a batch has no answer."""

    code: str
    detail: str


class BatchItem(BaseModel):
    """One org and key with its decision, or with an error instead."""

    model_config = ConfigDict(extra="allow")

    org_id: int | str
    key: str
    error: ItemError | None = None


class Batch(BaseModel):
    """The decisions by org and then by key, in the order of the question."""

    evaluated_at: str
    results: list[BatchItem]


class Gates(BaseModel):
    """The rollout's mode for most modules, and by module where it differs."""

    default: str
    modules: dict[str, str]


class Snapshot(BaseModel):
    """Everything that decisions about one org need until `next_boundary`, which is excluded."""

    org_id: int | str
    org_version: int
    position: int
    ledger_epoch: int
    catalog_version: int
    rollout_version: int
    evaluated_at: str
    next_boundary: str | None
    gating: Gates
    states: dict[str, str]
    denied_by: dict[str, str]


class CatalogKey(BaseModel):
    """A key's kind and the permission that goes with it."""

    kind: str
    permission: str | None


class CatalogDocument(BaseModel):
    """The keys in the catalog's order, other spellings of them, and what each role may."""

    catalog_version: int
    keys: dict[str, CatalogKey]
    aliases: dict[str, str]
    role_permissions: dict[str, list[str]]


class Verdict(BaseModel):
    """A verdict, recorded or made again."""

    allowed: bool
    status: str
    denied_by: str | None
    code: str
    would_deny: str | None
    bypassable: bool


class ReplayedDecision(BaseModel):
    """A decision made again from the events and the catalog of the versions it names.

    Its rollout mode, and whether the caller had the permission, are taken as recorded.
    """

    decision_id: str
    org_id: int | str
    key: str | None
    agrees: bool
    recorded: Verdict
    replayed: Verdict
    mode: str
    permission: str
    own_org: bool
    org_version: int
    catalog_version: int
    rollout_version: int
    evaluated_at: str
