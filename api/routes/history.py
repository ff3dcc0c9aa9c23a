"""What was so and why: explain, timeline, diff and replay, for super admins and services."""

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Query

from api.bodies import RawKey
from api.documents import Diff, Explained, Replay, Timeline
from api.identity import AuditedOrg, Auditor, NamedOrg
from api.instants import KnownPoint, PointInTime
from api.parts import Parts
from api.render_history import explanation, recorded, span, states
from api.replaying import explained_decision
from api.written import Instant
from domain.effective import effective_map
from domain.explain import explain
from domain.history import touched_keys
from domain.ids import org_json
from domain.instants import aware, iso
from domain.refusals import Unacceptable


class NothingToExplain(Unacceptable):
    """Neither a key nor a decision was named."""

    code = "nothing_to_explain"
    hint = "Send 'key', or the 'decision_id' of an answer."

    def __init__(self) -> None:
        super().__init__("Nothing was named that could be explained.")


router = APIRouter(prefix="/api/v1", tags=["history"])


@router.get("/orgs/{org}/explain", response_model=Explained)
async def explain_key(
    org: NamedOrg,
    point: PointInTime,
    parts: Parts,
    principal: Auditor,
    key: Annotated[RawKey | None, Query(description="a module or a `module.submodule`")] = None,
    decision_id: Annotated[
        str | None, Query(description="a recorded decision to explain, instead of the others")
    ] = None,
) -> dict[str, Any]:
    """Why a key is what it is at an instant, step by step, with the events behind each step.

    With a `decision_id`: by the events and the catalog of the versions it names, and whether the
    decision made again comes to the same.
    """
    if decision_id is not None:
        return await explained_decision(parts, org, decision_id)
    if key is None:
        raise NothingToExplain
    history = await parts.histories.of(org, known_at=point.recorded_by)
    catalog = await parts.histories.catalog_at(min(point.at, point.known_at))
    found = explain(history, catalog, catalog.resolve(key), at=point.at)
    return {
        "org_id": org_json(org),
        "known_at": iso(point.known_at),
        "org_version": history.version,
        "catalog_version": catalog.version,
        **explanation(found),
    }


@router.get("/orgs/{org}/timeline", response_model=Timeline)
async def timeline(
    org: NamedOrg,
    point: KnownPoint,
    parts: Parts,
    principal: Auditor,
    key: Annotated[
        RawKey | None, Query(description="one key; absent: all that were ever named")
    ] = None,
) -> dict[str, Any]:
    """The intervals of each key, from the org's first event on, with the events at their edges."""
    history = await parts.histories.of(org, known_at=point.recorded_by)
    catalog = await parts.histories.catalog_at(point.known_at)
    keys = touched_keys(history, catalog) if key is None else [catalog.resolve(key)]

    def intervals() -> dict[str, Any]:
        return {k: [span(found) for found in history.timeline(k, catalog)] for k in keys}

    return {
        "org_id": org_json(org),
        "known_at": iso(point.known_at),
        "org_version": history.version,
        "catalog_version": catalog.version,
        "keys": await asyncio.to_thread(intervals),  # a long history takes its time
    }


@router.get("/orgs/{org}/diff", response_model=Diff)
async def diff(
    org: NamedOrg,
    parts: Parts,
    principal: Auditor,
    starts: Annotated[Instant, Query(alias="from")],
    ends: Annotated[Instant, Query(alias="to")],
) -> dict[str, Any]:
    """What differs between two instants: each key whose effective state is another, and why."""
    first, second = aware(starts, field="from"), aware(ends, field="to")
    history = await parts.histories.of(org)
    old = effective_map(history.lanes, await parts.histories.catalog_at(first), first)
    new = effective_map(history.lanes, await parts.histories.catalog_at(second), second)
    changed = {
        key: {
            "from": old[key].label if key in old else None,
            "to": new[key].label if key in new else None,
        }
        for key in {**old, **new}
        if old.get(key) != new.get(key)
    }
    low, high = min(first, second), max(first, second)
    between = [e for e in history.recorded if low < e.fact.effective_at <= high]
    return {
        "org_id": org_json(org),
        "from": iso(first),
        "to": iso(second),
        "changed": changed,
        "events": [recorded(entry) for entry in between],
    }


@router.get("/audit/replay", response_model=Replay)
async def replay(org: AuditedOrg, point: PointInTime, parts: Parts) -> dict[str, Any]:
    """An org's state rebuilt from its events alone, with the events that were used."""
    history = await parts.histories.of(org, known_at=point.recorded_by)
    catalog = await parts.histories.catalog_at(min(point.at, point.known_at))
    return {
        "org_id": org_json(org),
        "at": iso(point.at),
        "known_at": iso(point.known_at),
        "org_version": history.version,
        "catalog_version": catalog.version,
        "states": states(effective_map(history.lanes, catalog, point.at)),
        "events": [recorded(entry) for entry in history.recorded],
    }
