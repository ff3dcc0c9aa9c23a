"""Searches by AuthZEN: whatever one finds, an evaluation of it permits."""

from typing import Any

from fastapi import APIRouter

from api.authzen import paths
from api.authzen.asking import (
    MODULE,
    ORG,
    USE,
    Denied,
    Who,
    decide,
    key_of,
    permission_of,
    subject,
)
from api.authzen.documents import (
    ActionSearch,
    Entity,
    ResourceSearch,
    Results,
    SubjectSearch,
)
from api.authzen.pages import InvalidPage, after, page
from api.identity import AllSeeing, Caller
from api.parts import ApiParts, Parts
from domain.catalog import Catalog, is_submodule, module_of
from domain.ids import OrgId
from domain.refusals import UnknownKey
from projections.orgs import list_orgs

router = APIRouter(prefix=paths.SEARCH, tags=["AuthZEN"])

_CANDIDATES = 200  # orgs looked at between two questions to the database
_ROUNDS = 10  # questions in one request; the token leads on, even after an empty page
_Found = dict[str, Any]


@router.post("/resource", response_model=Results)
async def resources(body: ResourceSearch, parts: Parts, principal: Caller) -> _Found:
    """The keys of the catalog that a subject may use, in the catalog's order."""
    start = after(body.page, body)
    keys = parts.rows.columns.keys
    first = keys.index(start) + 1 if start in keys else 0
    if start and not first:
        raise InvalidPage
    try:
        who = subject(principal, body.subject, body.context)
    except Denied:
        return page([], last=None, question=body)
    if body.resource.type != MODULE:
        return page([], last=None, question=body)
    permission = permission_of(body.action)
    decisions = await decide(parts, who, keys[first:], permission, counted=False)
    found = [key for key, one in zip(keys[first:], decisions, strict=True) if one["allowed"]]
    shown = found[: body.page.limit]
    last = shown[-1] if len(found) > len(shown) else None
    return page([{"type": MODULE, "id": key} for key in shown], last=last, question=body)


@router.post("/action", response_model=Results)
async def actions(body: ActionSearch, parts: Parts, principal: Caller) -> _Found:
    """`use` and the permissions that go with a key and its submodules, where they are allowed."""
    try:
        who = subject(principal, body.subject, body.context)
        key = key_of(body.resource)
        names = _actions(parts.rows.columns.catalog, key)
    except (Denied, UnknownKey):
        return page([], last=None, question=body)
    start = after(body.page, body)
    names = [name for name in names if not start or name > start]
    found = [name for name in names if await _may(parts, who, key, name)]
    shown = found[: body.page.limit]
    last = shown[-1] if len(found) > len(shown) else None
    return page([{"name": name} for name in shown], last=last, question=body)


@router.post("/subject", response_model=Results)
async def subjects(body: SubjectSearch, parts: Parts, principal: AllSeeing) -> _Found:
    """The orgs that may use a key. The ledger knows no users, so of them it finds none."""
    last: str | None = after(body.page, body)
    try:
        key = key_of(body.resource)
        catalog = parts.rows.columns.catalog
        wanted = catalog.resolve(key)
    except (Denied, UnknownKey):
        return page([], last=None, question=body)
    if body.subject.type != ORG:
        return page([], last=None, question=body)
    found: list[str] = []
    for _ in range(_ROUNDS):
        if len(found) == body.page.limit or last is None:
            break
        candidates = await _candidates(parts, wanted, after=last)
        last = candidates[-1] if len(candidates) == _CANDIDATES else None
        for place, org in enumerate(candidates):
            who = subject(principal, Entity(type=ORG, id=org), body.context)
            permission = permission_of(body.action)
            decisions = await decide(parts, who, [key], permission, counted=False)
            if not decisions[0]["allowed"]:
                continue
            if len(found) == body.page.limit:
                last = candidates[place - 1]
                break
            found.append(org)
    return page([{"type": ORG, "id": org} for org in found], last=last, question=body)


async def _candidates(parts: ApiParts, key: str, *, after: str) -> list[OrgId]:
    """Orgs that may have a key: those it was ever granted to, or all where nothing is gated."""
    catalog = parts.rows.columns.catalog
    wanted = catalog.resolve(key)
    if parts.rows.gating.uniform == "enforce" and not catalog.module(wanted).exempt:
        names = [module_of(wanted), wanted]
        return await parts.audit.orgs_naming(names, after=after, limit=_CANDIDATES)
    async with parts.ledger.reading() as connection:
        return [row.org for row in await list_orgs(connection, after=after, limit=_CANDIDATES)]


def _actions(catalog: Catalog, key: str) -> list[str]:
    """What can be asked for with a key, by name."""
    wanted = catalog.resolve(key)
    submodules = catalog.module(wanted).by_submodule
    about = [wanted] if is_submodule(wanted) else submodules
    return sorted({USE} | {name for sub in about if (name := submodules[sub].permission)})


async def _may(parts: ApiParts, who: Who, key: str, name: str) -> bool:
    permission = None if name == USE else name
    decisions = await decide(parts, who, [key], permission, counted=False)
    return bool(decisions[0]["allowed"])
