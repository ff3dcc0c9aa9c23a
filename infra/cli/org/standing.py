"""Where one organisation stands at one instant, as data for a table or for JSON."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from domain.catalog import Catalog, Key, Module
from domain.effective import Effective, Lanes, denied_by, effective_map, expires_at
from domain.ids import OrgId, org_json
from domain.instants import iso
from domain.lanes import Block, Grant
from domain.org import Org


@dataclass(frozen=True, slots=True, kw_only=True)
class ModuleStanding:
    """One module: its state, who gives it, until when; `off` are its submodules switched off."""

    module: Module
    state: Effective
    sources: tuple[str, ...]
    expires_at: datetime | None
    denied_by: str | None
    off: tuple[Key, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """One org at one instant; `coming` are grants that have not begun."""

    org: OrgId
    name: str
    org_version: int
    catalog_version: int
    at: datetime
    modules: tuple[ModuleStanding, ...]
    blocks: tuple[Block, ...]
    coming: tuple[Grant, ...]


def standing(org: Org, catalog: Catalog, *, at: datetime) -> Standing:
    """Where `org` stands at `at`."""
    lanes = org.lanes
    states = effective_map(lanes, catalog, at)
    grants = sorted(org.grants.values(), key=lambda grant: (grant.starts, grant.key))
    return Standing(
        org=org.org_id,
        name=org.name,
        org_version=org.version,
        catalog_version=catalog.version,
        at=at,
        modules=tuple(_module(lanes, catalog, states, m, at=at) for m in catalog.modules),
        blocks=tuple(block for block in org.blocks.values() if block.live(at)),
        coming=tuple(grant for grant in grants if grant.live(at) and not grant.active(at)),
    )


def _module(
    lanes: Lanes, catalog: Catalog, states: dict[Key, Effective], module: Module, *, at: datetime
) -> ModuleStanding:
    state = states[module.key]
    active = {grant.source for grant in lanes.grants.get(module.key, ()) if grant.active(at)}
    usable = state is not Effective.DISABLED
    off = (key for key in module.by_submodule if states[key] is Effective.DISABLED)
    return ModuleStanding(
        module=module,
        state=state,
        sources=tuple(sorted(active)),
        expires_at=expires_at(lanes, catalog, module.key, at) if usable else None,
        denied_by=denied_by(lanes, catalog, module.key, at),
        off=tuple(off) if usable else (),
    )


def document(found: Standing) -> dict[str, Any]:
    """All of it as JSON."""
    return {
        "org_id": org_json(found.org),
        "name": found.name,
        "org_version": found.org_version,
        "catalog_version": found.catalog_version,
        "evaluated_at": iso(found.at),
        "modules": [
            {
                "key": module.module.key,
                "kind": module.module.kind,
                "status": module.state.label,
                "sources": list(module.sources),
                "expires_at": _written(module.expires_at),
                "denied_by": module.denied_by,
                "submodules_off": list(module.off),
            }
            for module in found.modules
        ],
        "blocks": [_block(block, at=found.at) for block in found.blocks],
        "coming": [
            {
                "key": grant.key,
                "kind": grant.kind,
                "source": grant.source,
                "from": iso(grant.starts),
                "until": _written(grant.ends),
            }
            for grant in found.coming
        ],
    }


def _block(block: Block, *, at: datetime) -> dict[str, Any]:
    return {
        "block_id": block.id,
        "scope": block.scope,
        "key": block.key,
        "category": block.category,
        "from": iso(block.starts),
        "until": _written(block.ends),
        "active": block.active(at),
    }


def _written(instant: datetime | None) -> str | None:
    return iso(instant) if instant is not None else None
