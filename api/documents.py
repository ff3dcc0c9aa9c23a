"""Answers as OpenAPI shows them; the bytes are made elsewhere."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from api.documents_decisions import ReplayedDecision


class Detail(BaseModel):
    """An error on a route of the seed."""

    model_config = ConfigDict(extra="allow")

    detail: Any


class Problem(BaseModel):
    """An error on a native route (RFC 9457); `code` is stable, `hint` says how to mend it."""

    model_config = ConfigDict(extra="allow")

    type: str
    title: str
    status: int
    detail: str
    code: str
    hint: str | None = None


class CommandAnswer(BaseModel):
    """What a command came to. `ETag` is the org's version after it."""

    event_ids: list[str]
    positions: list[int]
    org_version: int
    consistency_token: str
    changed: bool
    before: dict[str, str]
    after: dict[str, str]
    remaining_sources: list[str]
    warnings: list[str]
    dry_run: bool | None = None
    plan_token: str | None = None


class ModuleEntitlement(BaseModel):
    """One module in the seed's map."""

    module_key: str
    status: str
    trial_expires_at: str | None
    submodules: dict[str, bool]


class OrgEntitlements(BaseModel):
    """The seed's map of one org; `org_id` 0 stands for a caller without an org."""

    org_id: int | str
    entitlements: dict[str, ModuleEntitlement]
    at: str | None = None
    known_at: str | None = None
    org_version: int | None = None
    catalog_version: int | None = None


class CatalogSubmodule(BaseModel):
    """One submodule of the taxonomy."""

    id: int
    submodule_key: str
    display_name: str
    description: str | None
    menu_path: str | None
    permission_key: str | None
    sort_order: int
    is_active: bool


class CatalogModule(BaseModel):
    """One module of the taxonomy."""

    id: int
    module_key: str
    display_name: str
    description: str | None
    icon: str | None
    sort_order: int
    is_active: bool
    submodules: list[CatalogSubmodule]


class CatalogModules(BaseModel):
    """The taxonomy."""

    modules: list[CatalogModule]


class AdminSubmodule(BaseModel):
    """One submodule as a super admin sees it."""

    submodule_id: int
    submodule_key: str
    submodule_display_name: str
    enabled: bool
    effective_status: str
    source: str | None


class AdminModule(BaseModel):
    """One module as a super admin sees it."""

    module_id: int
    module_key: str
    module_display_name: str
    status: str
    trial_expires_at: str | None
    source: str
    submodules: list[AdminSubmodule]


class AdminEntitlements(BaseModel):
    """Everything about one org, as a super admin sees it."""

    org_id: int | str
    org_name: str
    entitlements: list[AdminModule]


class Updated(BaseModel):
    """The seed's answer to a change; `event_id` is the position of its last event, 0 for none."""

    success: bool
    message: str
    event_id: int
    updated_entitlements: AdminEntitlements
    changed: bool
    org_version: int
    warnings: list[str]
    dry_run: bool | None = None
    plan_token: str | None = None


class Category(BaseModel):
    """A bundle, under the seed's name for it."""

    key: str
    display_name: str
    description: str | None
    modules: list[str]
    module_count: int


class Categories(BaseModel):
    """Every bundle."""

    categories: list[Category]


class ActivatedCategories(BaseModel):
    """The bundles that grant an org something."""

    org_id: int | str
    activated_categories: list[str]


class OrgEntry(BaseModel):
    """One line of the directory."""

    org_id: int | str
    name: str
    org_version: int


class OrgPage(BaseModel):
    """A page of the directory; `next` is what `after` must be for the following one."""

    orgs: list[OrgEntry]
    next: str | None


class Event(BaseModel):
    """One event of the ledger, with its content under `data`."""

    position: int
    org_id: int | str | None
    event_id: str
    type: str
    org_version: int | None
    recorded_at: str
    effective_at: str
    actor: str
    actor_type: str
    on_behalf_of: str | None
    reason: str
    ticket: str | None
    correlation_id: str | None
    batch_id: str | None
    data: dict[str, Any]


class Step(BaseModel):
    """One question of the judgement; the last one decides."""

    question: str
    answer: str
    decides: bool
    events: list[Event]


class NextChange(BaseModel):
    """The next instant at which the effective state changes by itself."""

    at: str
    status: str


class Explained(BaseModel):
    """Why a key is what it is."""

    org_id: int | str
    key: str
    at: str
    known_at: str
    org_version: int
    catalog_version: int
    status: str
    denied_by: str | None
    steps: list[Step]
    would_grant: list[str]
    next_change: NextChange | None
    decision: ReplayedDecision | None = None


class Interval(BaseModel):
    """One state of a key in `[from, until)`."""

    starts: str = Field(alias="from")
    until: str | None
    status: str
    denied_by: str | None
    sources: list[str]
    events: list[Event]


class Timeline(BaseModel):
    """The intervals of each key."""

    org_id: int | str
    known_at: str
    org_version: int
    catalog_version: int
    keys: dict[str, list[Interval]]


class Change(BaseModel):
    """A key's effective state at two instants; null where the catalog had no such key."""

    before: str | None = Field(alias="from")
    after: str | None = Field(alias="to")


class Diff(BaseModel):
    """What differs between two instants, and the events that took effect between them."""

    org_id: int | str
    starts: str = Field(alias="from")
    ends: str = Field(alias="to")
    changed: dict[str, Change]
    events: list[Event]


class Replay(BaseModel):
    """A state rebuilt from events alone, and the events that were used."""

    org_id: int | str
    at: str
    known_at: str
    org_version: int
    catalog_version: int
    states: dict[str, str]
    events: list[Event]


class EventPage(BaseModel):
    """A page of events; `next` is what `after` must be for the following one.

    `known_to` is the position up to which the answer is complete.
    """

    events: list[Event]
    next: int | None
    known_to: int


class Holder(BaseModel):
    """An org and its effective state of a key."""

    org_id: int | str
    status: str
    expires_at: str | None


class Holders(BaseModel):
    """A page of the orgs that hold a key; `next` is what `after` must be for the following one."""

    key: str
    at: str
    known_at: str
    catalog_version: int
    orgs: list[Holder]
    next: str | None


class Registered(BaseModel):
    """What registering an org came to."""

    org_id: int | str
    name: str
    org_version: int
    event_id: int
    changed: bool
    dry_run: bool | None = None
    plan_token: str | None = None
