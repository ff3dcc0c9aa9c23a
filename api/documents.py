"""Answers as OpenAPI shows them; the bytes are made elsewhere."""

from typing import Any

from pydantic import BaseModel, ConfigDict


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


class Registered(BaseModel):
    """What registering an org came to."""

    org_id: int | str
    name: str
    org_version: int
    event_id: int
    changed: bool
