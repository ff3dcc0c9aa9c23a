"""What the seed's clients read, made from effective states."""

import json
from typing import Any

from domain.catalog import Catalog, Key, Module
from domain.effective import Effective, Lanes, denied_by, last_ended
from domain.ids import OrgId, org_json
from domain.instants import iso
from domain.lanes import ADMIN_SOURCE
from projections.table import Judged

DEFAULT_SOURCE = "default"


def dumped(body: Any) -> bytes:
    """JSON as it goes out."""
    return json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()


def org_entitlements(org: OrgId, lanes: Lanes, judged: Judged) -> dict[str, Any]:
    """The seed's map: every catalog module with its effective status."""
    return {
        "org_id": org_json(org),
        "entitlements": {
            module.key: {
                "module_key": module.key,
                "status": judged.states[module.key].label,
                "trial_expires_at": trial_expires_at(lanes, module, judged),
                "submodules": {
                    sub.key: judged.states[key] is not Effective.DISABLED
                    for key, sub in module.by_submodule.items()
                },
            }
            for module in judged.catalog.modules
        },
    }


def admin_entitlements(org: OrgId, name: str, lanes: Lanes, judged: Judged) -> dict[str, Any]:
    """The same for a super admin: with ids, names and where each state comes from."""
    return {
        "org_id": org_json(org),
        "org_name": name,
        "entitlements": [
            {
                "module_id": module.id,
                "module_key": module.key,
                "module_display_name": module.display_name,
                "status": judged.states[module.key].label,
                "trial_expires_at": trial_expires_at(lanes, module, judged),
                "source": module_source(lanes, module, judged),
                "submodules": [
                    {
                        "submodule_id": sub.id,
                        "submodule_key": sub.key,
                        "submodule_display_name": sub.display_name,
                        "enabled": switched_on(lanes, key, judged),
                        "effective_status": judged.states[key].label,
                        "source": submodule_source(lanes, key, judged),
                    }
                    for key, sub in module.by_submodule.items()
                ],
            }
            for module in judged.catalog.modules
        ],
    }


def catalog_modules(catalog: Catalog) -> dict[str, Any]:
    """The taxonomy."""
    return {
        "modules": [
            {
                "id": module.id,
                "module_key": module.key,
                "display_name": module.display_name,
                "description": module.description,
                "icon": module.icon,
                "sort_order": module.sort_order,
                "is_active": module.is_active,
                "submodules": [
                    {
                        "id": sub.id,
                        "submodule_key": sub.key,
                        "display_name": sub.display_name,
                        "description": sub.description,
                        "menu_path": sub.menu_path,
                        "permission_key": sub.permission,
                        "sort_order": sub.sort_order,
                        "is_active": sub.is_active,
                    }
                    for sub in module.submodules
                ],
            }
            for module in catalog.modules
        ]
    }


def trial_expires_at(lanes: Lanes, module: Module, judged: Judged) -> str | None:
    """When the trial that makes the status ends, or ended if that is why there is none."""
    trials = [grant for grant in lanes.grants.get(module.key, ()) if grant.kind == "trial"]
    if judged.states[module.key] is Effective.TRIAL:
        return iso(max(g.ends for g in trials if g.ends and g.active(judged.at)))
    if trials and denied_by(lanes, judged.catalog, module.key, judged.at) == "trial_expired":
        ended = last_ended(trials, judged.at)
        return iso(ended.ends) if ended is not None and ended.ends is not None else None
    return None


def module_source(lanes: Lanes, module: Module, judged: Judged) -> str:
    """The source that grants a module, the strongest first, `default` where none does."""
    active = [g for g in lanes.grants.get(module.key, ()) if g.active(judged.at)]
    if not active:
        return DEFAULT_SOURCE
    best = min(active, key=lambda g: (g.kind != "full", g.source != ADMIN_SOURCE, g.source))
    return best.source


def switched_on(lanes: Lanes, key: Key, judged: Judged) -> bool:
    """Whether a submodule itself is on, whatever its module is."""
    if any(b.scope == "submodule" and b.key == key and b.active(judged.at) for b in lanes.blocks):
        return False
    submodule = judged.catalog.submodule(key)
    default_on = submodule is None or submodule.on_by_default
    return default_on or lanes.own(key, judged.at) is not Effective.DISABLED


def submodule_source(lanes: Lanes, key: Key, judged: Judged) -> str | None:
    """The block that switches a submodule off, or what grants it; None: it follows its module."""
    for block in lanes.blocks:
        if block.scope == "submodule" and block.key == key and block.active(judged.at):
            return block.category
    sources = sorted(g.source for g in lanes.grants.get(key, ()) if g.active(judged.at))
    return sources[0] if sources else None
