"""The decision vectors: scenes of one org, questions about them, and the answers that are right.

`python -m tests.api.vectors` writes `tests/fixtures/decisions.json`, which every implementation
of the decision is driven by. What each question must come to is said here by hand; the versions,
ids and bodies around it are the server's.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from api.denials import denial
from api.render_decisions import Versions, answer, catalog_document
from domain.catalog import Catalog, Key, module_of
from domain.catalog_document import read_catalog
from domain.decision import (
    UNKNOWN_KEY,
    UNKNOWN_ORG,
    has_permission,
    judge,
    may_act_in,
)
from domain.decision_ids import decision_id, letters, unknown
from domain.facts import (
    AccessBlocked,
    AccessUnblocked,
    GrantEnded,
    ModuleGranted,
    TrialConverted,
    TrialStarted,
)
from domain.gating import Mode
from domain.ids import OrgId, org_id, org_json
from domain.instants import iso
from domain.refusals import UnknownKey
from domain.rows import Columns
from projections.snapshot import snapshot
from tests.domain.catalogs import document, module, submodule
from tests.domain.scenario import Described, Scenario, fact
from tests.domain.world import day, hour, morning, noon, us

FILE = Path(__file__).parents[1] / "fixtures" / "decisions.json"
ORG = OrgId("1042")
ABOUT = (
    "Given a snapshot (GET /orgs/{org}/snapshot), the catalog (GET /catalog) and a question, the "
    "answer (POST /check) and what a guard answers over HTTP (null: it lets the request through). "
    "'org_id' is the org asked about, 'org' the caller's own. 'at' is the asker's ledger clock; "
    "one that is behind the snapshot's evaluated_at counts as that. Where 'snapshot' is null the "
    "ledger knows no such org, and 'absent' is what it said instead. No answer: the snapshot must "
    "not be used any more, so a guard that finds no newer one answers 503 with Retry-After. "
    "'batches' are judged at one instant; 'guards' are the keys that routes are guarded by, and "
    "those of them because of which the process must not start."
)


def vector_catalog(*, version: int = 3, roles: bool = True) -> Catalog:
    """A catalog with a module of every kind."""
    said: dict[str, Any] = {
        "role_permissions": {
            "super_admin": ["*"],
            "org_admin": ["crm.*", "settings.view"],
            "user": ["email.send"],
        }
    }
    found = document(
        module(
            "crm",
            submodule("lead_management", id=1, permission="crm.leads.view"),
            submodule("forecasts", id=2, default="off", permission="crm.forecasts.view"),
            submodule("archive", id=3, default="off", is_active=False),
            id=1,
        ),
        module("hr", submodule("payroll", id=4, permission="hr.payroll.view"), id=2),
        module("manufacturing", id=3),
        module("fax", submodule("inbox", id=5), id=4, is_active=False),
        module("email", submodule("templates", id=6), id=5, kind="always_on"),
        module("settings", id=6, kind="rbac_only"),
        module("voucher-settings", id=7),
        module("telex", id=8, kind="always_on", is_active=False),
        **(said if roles else {}),
    )
    return read_catalog(found, version=version)


@dataclass(frozen=True)
class Modes:
    """A rollout as it stands."""

    default: Mode = "enforce"
    modules: Mapping[str, Mode] = field(default_factory=dict)
    version: int = 0

    @property
    def uniform(self) -> Mode | None:
        return None if self.modules else self.default

    def __call__(self, org: OrgId, module: Key) -> Mode:
        return self.modules.get(module, self.default)


@dataclass(frozen=True)
class Scene:
    """An org after some facts, seen at an instant."""

    facts: Sequence[Described] = ()
    at: datetime = noon
    modes: Modes = Modes()
    catalog: str = "catalog"


end = noon + 3 * day
CATALOGS = {"catalog": vector_catalog(), "without_roles": vector_catalog(version=1, roles=False)}


def _granted(key: str, **terms: Any) -> Described:
    return fact(ModuleGranted, key=Key(key), grant_id=f"grant-{key}", **terms)


def _trial(key: str, *, ends_at: datetime = end, **terms: Any) -> Described:
    return fact(TrialStarted, key=Key(key), grant_id=f"trial-{key}", ends_at=ends_at, **terms)


def _ended(grant: str, *, at: datetime) -> Described:
    return fact(GrantEnded, grant_id=grant, effective_at=at, timestamp=at)


def _block(key: str | None = None, **terms: Any) -> Described:
    named = {} if key is None else {"key": Key(key)}
    return fact(AccessBlocked, block_id=f"block-{key}", **named, **terms)


CRM = [_granted("crm")]
ALL = [_granted("crm"), _granted("crm.forecasts"), _granted("hr"), _granted("manufacturing")]
SCENES: dict[str, Scene] = {
    "nothing": Scene(),
    "crm": Scene(CRM),
    "all": Scene(ALL),
    "trial_running": Scene([_trial("hr"), _granted("crm")], at=end - 2 * day),
    "trial_last_microsecond": Scene([_trial("hr"), _granted("crm")], at=end - us),
    "trial_over": Scene([_trial("hr"), _granted("crm")], at=end),
    "trial_over_plus": Scene([_trial("hr"), _granted("crm")], at=end + us),
    "grant_to_come": Scene([_granted("crm", starts=end)], at=end - us),
    "grant_begun": Scene([_granted("crm", starts=end)], at=end),
    "grant_over": Scene([_granted("crm", ends=noon)], at=noon),
    "grant_to_end": Scene([_granted("crm", ends=end)], at=end - us),
    "revoked": Scene([_granted("crm"), _ended("grant-crm", at=morning + hour)]),
    "trial_cut_short": Scene([_trial("crm"), _ended("trial-crm", at=morning + hour)]),
    "converted": Scene(
        [
            _trial("crm"),
            fact(
                TrialConverted,
                key=Key("crm"),
                trial_id="trial-crm",
                grant_id="grant-crm",
                effective_at=morning + hour,
                timestamp=morning + hour,
            ),
        ]
    ),
    "full_over_trial": Scene([_trial("crm"), _granted("crm")]),
    "trial_parent_full_child": Scene([_trial("crm"), _granted("crm.forecasts")]),
    "full_parent_trial_child": Scene([_granted("crm"), _trial("crm.forecasts")]),
    "full_parent_lapsed_child": Scene(
        [_granted("crm"), _trial("crm.forecasts", ends_at=noon)], at=noon
    ),
    "child_without_parent": Scene([_granted("crm.forecasts")]),
    "module_blocked": Scene([*ALL, _block("crm")]),
    "submodule_blocked": Scene([*ALL, _block("crm.lead_management")]),
    "submodule_blocked_without_module": Scene([_block("crm.lead_management")]),
    "org_suspended": Scene([*ALL, _block()]),
    "block_to_come": Scene([*ALL, _block("crm", starts=end)], at=end - us),
    "block_begun": Scene([*ALL, _block("crm", starts=end)], at=end),
    "block_over": Scene([*ALL, _block("crm", ends=noon)], at=noon),
    "unblocked": Scene(
        [
            *ALL,
            _block("crm"),
            fact(
                AccessUnblocked,
                block_id="block-crm",
                effective_at=morning + hour,
                timestamp=morning + hour,
            ),
        ]
    ),
    "off": Scene(CRM, modes=Modes("off", version=4)),
    "shadow": Scene([*CRM, _trial("hr", ends_at=noon)], modes=Modes("shadow", version=5)),
    "hr_off": Scene(CRM, modes=Modes(modules={"hr": "off", "manufacturing": "shadow"}, version=6)),
    "only_hr_enforced": Scene(CRM, modes=Modes("off", modules={"hr": "enforce"}, version=7)),
    "old_catalog": Scene(CRM, catalog="without_roles"),
}

USER: dict[str, Any] = {"role": "user", "org": 1042}
ADMIN: dict[str, Any] = {"role": "org_admin", "org": 1042}
SUPER: dict[str, Any] = {"role": "super_admin", "org": None}
SERVICE: dict[str, Any] = {"role": "service", "org": None}
ELSEWHERE: dict[str, Any] = {"role": "user", "org": 2001}
_NO = "entitlement_denied"


@dataclass(frozen=True)
class Asked:
    """A question about a scene and what it must come to; `denied_by` None: allowed."""

    name: str
    scene: str | None
    key: str
    code: str
    denied_by: str | None = None
    status: str = "enabled"
    case: int | None = None
    who: Mapping[str, Any] = field(default_factory=lambda: USER)
    permission: str | None = None
    permissions: tuple[str, ...] = ()
    at: datetime | None = None
    would_deny: str | None = None
    bypassable: bool = False
    modes: Modes = Modes()


def _denied(name: str, scene: str | None, key: str, by: str, **more: Any) -> Asked:
    return Asked(name, scene, key, _NO, by, "disabled", **more)


ASKED: list[Asked] = [
    Asked("a granted module is enabled", "crm", "crm", "entitled"),
    Asked("a submodule follows its module", "crm", "crm.lead_management", "entitled"),
    Asked("case does not matter", "crm", "CRM.Lead_Management", "entitled"),
    Asked("an alias stands for its key", "crm", "voucher-settings", _NO, "not_granted", "disabled"),
    _denied("what nobody granted is not granted", "crm", "manufacturing", "not_granted"),
    _denied("a submodule of what nobody granted", "crm", "hr.payroll", "parent_disabled"),
    _denied("a submodule that is off by default", "crm", "crm.forecasts", "not_granted"),
    _denied("a retired submodule", "all", "crm.archive", "not_granted"),
    _denied("a retired module", "all", "fax", "not_granted"),
    _denied("a submodule of a retired module", "all", "fax.inbox", "not_granted"),
    Asked("a submodule off by default that is granted", "all", "crm.forecasts", "entitled"),
    # Case 1
    Asked("a running trial", "trial_running", "hr", "entitled", status="trial", case=1),
    Asked(
        "a cached trial a microsecond before its end",
        "trial_running",
        "hr.payroll",
        "entitled",
        status="trial",
        case=1,
        at=end - us,
    ),
    Asked(
        "a cached trial at its very end: nobody knows", "trial_running", "hr", "", at=end, case=1
    ),
    Asked("nor of what else was cached with it", "trial_running", "crm", "", at=end, case=1),
    Asked("nor later", "trial_running", "hr", "", at=end + us, case=1),
    Asked("its last microsecond", "trial_last_microsecond", "hr", "entitled", None, "trial", 1),
    _denied("a trial that ends now", "trial_over", "hr", "trial_expired", case=1),
    _denied("a trial that ended", "trial_over_plus", "hr", "trial_expired", case=1),
    _denied("its submodule", "trial_over", "hr.payroll", "parent_disabled", case=1),
    # Case 2
    _denied("a grant to come", "grant_to_come", "crm", "not_yet_active", case=2),
    Asked("cached until it begins: nobody knows", "grant_to_come", "crm", "", at=end, case=2),
    Asked("a grant that begins now", "grant_begun", "crm", "entitled", case=2),
    _denied("a grant that ended", "grant_over", "crm", "grant_expired"),
    Asked("a grant a microsecond before its end", "grant_to_end", "crm", "entitled"),
    _denied("a revoked grant", "revoked", "crm", "revoked"),
    _denied("a trial that was revoked", "trial_cut_short", "crm", "revoked"),
    Asked("a converted trial", "converted", "crm", "entitled"),
    Asked("a full grant beside a trial", "full_over_trial", "crm", "entitled"),
    Asked(
        "a full child of a trial",
        "trial_parent_full_child",
        "crm.forecasts",
        "entitled",
        status="trial",
        case=15,
    ),
    Asked(
        "a trial child of a full module",
        "full_parent_trial_child",
        "crm.forecasts",
        "entitled",
        status="trial",
    ),
    _denied("a lapsed child", "full_parent_lapsed_child", "crm.forecasts", "trial_expired"),
    _denied(
        "a child without its parent",
        "child_without_parent",
        "crm.forecasts",
        "parent_disabled",
        case=14,
    ),
    # Blocks
    _denied("a blocked module", "module_blocked", "crm", "blocked"),
    _denied("its submodule is blocked, too", "module_blocked", "crm.lead_management", "blocked"),
    Asked("another module is not", "module_blocked", "hr", "entitled"),
    _denied("a blocked submodule", "submodule_blocked", "crm.lead_management", "blocked"),
    Asked("its module is not", "submodule_blocked", "crm", "entitled"),
    _denied(
        "a block tells before the parent",
        "submodule_blocked_without_module",
        "crm.lead_management",
        "blocked",
    ),
    _denied("a suspended org", "org_suspended", "hr.payroll", "blocked"),
    Asked("exempt kinds outlast a suspension", "org_suspended", "email", "exempt"),
    Asked("a block to come", "block_to_come", "crm", "entitled"),
    Asked("cached until it begins: nobody knows any more", "block_to_come", "crm", "", at=end),
    _denied("a block that begins now", "block_begun", "crm", "blocked"),
    Asked("a block that ends now", "block_over", "crm", "entitled"),
    Asked("a lifted block", "unblocked", "crm", "entitled"),
    # Exempt kinds
    Asked("an always_on module", "nothing", "email", "exempt"),
    Asked("its submodule", "nothing", "email.templates", "exempt"),
    Asked("an rbac_only module", "nothing", "settings", "exempt"),
    _denied("an exempt kind that is retired is not exempt", "nothing", "telex", "not_granted"),
    Asked(
        "an exempt kind is left to RBAC",
        "nothing",
        "settings",
        "permission_denied",
        "permission",
        permission="settings.edit",
    ),
    Asked(
        "which may allow it", "nothing", "settings", "exempt", who=ADMIN, permission="settings.view"
    ),
    Asked("and to org isolation", "nothing", "email", "org_mismatch", "permission", who=ELSEWHERE),
    # Case 25
    _denied("an unknown module", "all", "crn", "unknown_key", case=25),
    _denied("an unknown submodule", "all", "crm.nothing", "unknown_key", case=25),
    _denied("unknown even where nothing is gated", "off", "crn", "unknown_key", case=25),
    _denied("an unknown key is nothing to bypass", "all", "crn", "unknown_key", who=SUPER),
    # Unknown orgs
    _denied("an unknown org", None, "crm", "unknown_org", who=SERVICE),
    _denied("it is nothing to bypass", None, "crm", "unknown_org", who=SUPER),
    _denied("the key comes first", None, "crn", "unknown_key", who=SERVICE),
    Asked("exempt kinds come before the org", None, "email", "exempt", who=SERVICE),
    Asked(
        "so does the rollout",
        None,
        "crm",
        "gating_off",
        None,
        "disabled",
        who=SERVICE,
        modes=Modes("off", version=2),
    ),
    Asked(
        "in the shadow it would be denied",
        None,
        "crm",
        "gating_shadow",
        None,
        "disabled",
        who=SERVICE,
        would_deny="unknown_org",
        modes=Modes("shadow", version=2),
    ),
    # Rollout
    Asked("off lets through what is disabled", "off", "hr", "gating_off", status="disabled"),
    Asked("and what is enabled", "off", "crm", "gating_off"),
    Asked("exempt comes before off", "off", "email", "exempt"),
    Asked(
        "off says nothing about permissions",
        "off",
        "hr",
        "permission_denied",
        "permission",
        "disabled",
        permission="hr.view",
    ),
    Asked("shadow lets through what is enabled", "shadow", "crm", "entitled"),
    Asked(
        "shadow lets through what it would deny",
        "shadow",
        "hr",
        "gating_shadow",
        status="disabled",
        would_deny="trial_expired",
    ),
    Asked(
        "shadow still asks for the permission",
        "shadow",
        "manufacturing",
        "permission_denied",
        "permission",
        "disabled",
        permission="manufacturing.view",
        would_deny="not_granted",
    ),
    Asked("a module that is off", "hr_off", "hr.payroll", "gating_off", status="disabled"),
    Asked(
        "a module in the shadow",
        "hr_off",
        "manufacturing",
        "gating_shadow",
        status="disabled",
        would_deny="not_granted",
    ),
    _denied("the others are enforced", "hr_off", "voucher_settings", "not_granted"),
    _denied("one module enforced", "only_hr_enforced", "hr", "not_granted"),
    Asked("the others off", "only_hr_enforced", "manufacturing", "gating_off", status="disabled"),
    # Super admins
    _denied("a super admin may bypass", "crm", "hr", "not_granted", who=SUPER, bypassable=True),
    _denied("a trial, too", "trial_over", "hr", "trial_expired", who=SUPER, bypassable=True),
    _denied("a block, too", "org_suspended", "hr", "blocked", who=SUPER, bypassable=True),
    Asked("an entitled super admin is simply allowed", "crm", "crm", "entitled", who=SUPER),
    Asked("and may everything", "crm", "crm", "entitled", who=SUPER, permission="crm.any.thing"),
    Asked("off is no bypass", "off", "hr", "gating_off", None, "disabled", who=SUPER),
    Asked(
        "also by a catalog that says nothing of roles",
        "old_catalog",
        "crm",
        "entitled",
        who=SUPER,
        permission="crm.create",
    ),
    # Case 30 and permissions
    Asked(
        "entitled but not permitted",
        "crm",
        "crm",
        "permission_denied",
        "permission",
        case=30,
        permission="crm.create",
        permissions=("crm.view",),
    ),
    Asked(
        "entitled and permitted",
        "crm",
        "crm",
        "entitled",
        case=30,
        permission="crm.create",
        permissions=("crm.view", "crm.create"),
    ),
    _denied(
        "neither: the entitlement tells", "crm", "hr", "not_granted", permission="hr.view", case=30
    ),
    Asked(
        "a wildcard",
        "crm",
        "crm",
        "entitled",
        permission="crm.create",
        permissions=("crm.*",),
    ),
    Asked(
        "a wildcard reaches all the way down",
        "crm",
        "crm.lead_management",
        "entitled",
        permission="crm.leads.view",
        permissions=("crm.*",),
    ),
    Asked(
        "a wildcard of one branch",
        "crm",
        "crm",
        "permission_denied",
        "permission",
        permission="crm.deals.view",
        permissions=("crm.leads.*",),
    ),
    Asked(
        "a wildcard is not the module itself",
        "crm",
        "crm",
        "permission_denied",
        "permission",
        permission="crm",
        permissions=("crm.*",),
    ),
    Asked(
        "nor another module with the same beginning",
        "crm",
        "crm",
        "permission_denied",
        "permission",
        permission="crmx.view",
        permissions=("crm.*", "crm*"),
    ),
    Asked(
        "one star is everything",
        "crm",
        "crm",
        "entitled",
        permission="anything",
        permissions=("*",),
    ),
    Asked(
        "permissions are compared letter by letter",
        "crm",
        "crm",
        "permission_denied",
        "permission",
        permission="crm.View",
        permissions=("crm.view",),
    ),
    Asked("by the role", "crm", "crm", "entitled", who=ADMIN, permission="crm.create"),
    Asked(
        "the role of another does not help",
        "crm",
        "crm",
        "permission_denied",
        "permission",
        who=USER,
        permission="crm.create",
    ),
    Asked(
        "a catalog without roles leaves it to the token",
        "old_catalog",
        "crm",
        "permission_denied",
        "permission",
        who=ADMIN,
        permission="crm.create",
    ),
    # Org isolation
    Asked("another org's user", "crm", "crm", "org_mismatch", "permission", who=ELSEWHERE),
    _denied("its entitlement comes first", "crm", "hr", "not_granted", who=ELSEWHERE),
    Asked(
        "so does the permission",
        "crm",
        "crm",
        "permission_denied",
        "permission",
        who=ELSEWHERE,
        permission="crm.create",
    ),
    Asked("a service of no org", "crm", "crm", "entitled", who=SERVICE),
    Asked(
        "a service of another org",
        "crm",
        "crm",
        "org_mismatch",
        "permission",
        who={"role": "service", "org": "acme"},
    ),
    Asked(
        "a user of no org",
        "crm",
        "crm",
        "org_mismatch",
        "permission",
        who={"role": "user", "org": None},
    ),
    # Case 27
    Asked(
        "a clock that steps back reopens nothing",
        "grant_begun",
        "crm",
        "entitled",
        case=27,
        at=end - 5 * us,
    ),
]
BATCHES = [
    ("a batch before a trial's end", "trial_running", end - us),
    ("a batch at a trial's end", "trial_running", end),
    ("a batch after it", "trial_over", end),
]
BATCH_KEYS = ["hr", "hr.payroll", "crm", "manufacturing", "email", "crn"]
GUARDS = [
    ("keys in any spelling", ["crm", "CRM.lead_management", "voucher-settings"], []),
    ("unknown keys", ["crm", "crn", "crm.nothing", "hr.payroll"], ["crn", "crm.nothing"]),
]


def seen(scene: Scene) -> dict[str, Any]:
    """The snapshot of a scene."""
    catalog = CATALOGS[scene.catalog]
    org = Scenario(catalog=catalog).given(*scene.facts).org
    columns = Columns(catalog)
    boundary = org.lanes.next_boundary(after=scene.at)
    return snapshot(
        ORG,
        columns.row(org.lanes, scene.at),
        columns,
        scene.modes,
        org_version=org.version,
        position=1230 + org.version,
        ledger_epoch=1,
        evaluated_at=iso(scene.at),
        next_boundary=iso(boundary) if boundary else None,
    )


def absent(modes: Modes) -> dict[str, Any]:
    """What the ledger says instead of a snapshot where there is no such org."""
    return {
        "catalog_version": CATALOGS["catalog"].version,
        "rollout_version": modes.version,
        "evaluated_at": iso(noon),
        "gating": {"default": modes.default, "modules": dict(modes.modules)},
    }


def answered(asked: Asked) -> dict[str, Any] | None:
    """The whole answer, from an org's lanes; None where a snapshot must not be used."""
    scene = SCENES[asked.scene] if asked.scene is not None else Scene(modes=asked.modes)
    catalog = CATALOGS[scene.catalog]
    columns = Columns(catalog)
    org = Scenario(catalog=catalog).given(*scene.facts).org
    at = max(asked.at or scene.at, scene.at)
    boundary = org.lanes.next_boundary(after=scene.at) if asked.scene else None
    if boundary is not None and at >= boundary:
        return None
    place: int | str
    try:
        key = catalog.resolve(asked.key)
        place, cell = columns.place_of[key], columns.row(org.lanes, at)[columns.place_of[key]]
        mode = scene.modes(ORG, module_of(key))
        if asked.scene is None:
            cell = Columns(catalog).blank[place]
            cell = cell if cell == 0 else UNKNOWN_ORG
    except UnknownKey:
        key, place, cell, mode = Key(asked.key), unknown(asked.key), UNKNOWN_KEY, "enforce"
    role, own_org = asked.who["role"], asked.who["org"]
    permitted = has_permission(
        asked.permission,
        role=role,
        permissions=asked.permissions,
        role_permissions=catalog.role_permissions,
    )
    own = may_act_in(ORG, role=role, own=None if own_org is None else org_id(own_org))
    super_admin = role == "super_admin"
    verdict = judge(cell, mode, super_admin, permitted, own)
    version = org.version if asked.scene is not None else 0
    moment = Versions.of(catalog.version, scene.modes.version).at(iso(at))
    how = letters(mode=mode, cell=cell, super_admin=super_admin, permitted=permitted, own=own)
    told = answer(
        verdict,
        decision_id(ORG, place, version, moment.versions, how),
        version,
        moment,
        iso(boundary) if boundary else None,
    )
    found: dict[str, Any] = json.loads(told)
    body = None
    if not verdict.allowed:
        body = denial(
            verdict,
            key,
            permission=asked.permission,
            decision_id=found["decision_id"],
            org_version=version,
            evaluated_at=iso(at),
        )
    return {"answer": found, "http": {"status": 403, "body": body} if body else None}


def question(asked: Asked) -> dict[str, Any]:
    """The question of a vector."""
    scene = SCENES[asked.scene] if asked.scene is not None else Scene()
    return {
        "org_id": org_json(ORG),
        "key": asked.key,
        "permission": asked.permission,
        "role": asked.who["role"],
        "org": asked.who["org"],
        "permissions": list(asked.permissions),
        "at": iso(asked.at or scene.at),
    }


UNAVAILABLE = {
    "answer": None,
    "http": {"status": 503, "code": "entitlement_unavailable", "retry_after": True},
}


def vectors() -> dict[str, Any]:
    """Everything the file holds."""
    return {
        "about": ABOUT,
        "catalogs": {name: catalog_document(catalog) for name, catalog in CATALOGS.items()},
        "snapshots": {name: seen(scene) for name, scene in SCENES.items()},
        "vectors": [_vector(asked) for asked in ASKED],
        "batches": [_batch(*batch) for batch in BATCHES],
        "guards": [
            {"name": name, "catalog": "catalog", "keys": keys, "unknown": refused}
            for name, keys, refused in GUARDS
        ],
    }


def _vector(asked: Asked) -> dict[str, Any]:
    found: dict[str, Any] = {"name": asked.name, "case": asked.case}
    catalog = SCENES[asked.scene].catalog if asked.scene is not None else "catalog"
    found |= {"catalog": catalog, "snapshot": asked.scene}
    if asked.scene is None:
        found["absent"] = absent(asked.modes)
    return found | {"question": question(asked)} | (answered(asked) or UNAVAILABLE)


def _batch(name: str, scene: str, at: datetime) -> dict[str, Any]:
    each = [answered(Asked(name, scene, key, "", at=at)) for key in BATCH_KEYS]
    return {
        "name": name,
        "case": 16,
        "catalog": "catalog",
        "snapshot": scene,
        "keys": BATCH_KEYS,
        "question": {"role": "user", "org": 1042, "permissions": [], "at": iso(at)},
        "answers": [found["answer"] if found else None for found in each],
    }


def written() -> str:
    """The file as it is kept."""
    return json.dumps(vectors(), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    FILE.write_text(written(), encoding="utf-8")
