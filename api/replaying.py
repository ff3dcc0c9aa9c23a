"""A recorded decision made again, from the events and the catalog of the versions it names."""

from typing import Any

from api.parts import ApiParts
from api.render_history import explanation
from domain.catalog import Key
from domain.decision import UNKNOWN_KEY
from domain.decision_ids import Decided, InvalidDecisionId, read_decision_id, unknown
from domain.explain import explain
from domain.ids import OrgId, org_json
from domain.instants import iso
from domain.refusals import UnknownKey, UnknownOrg
from domain.rows import Columns

_PERMISSION = {None: "not_asked", True: "held", False: "not_held"}


async def replayed(parts: ApiParts, named: str, decided: Decided) -> dict[str, Any]:
    """Both verdicts, and whether they agree.

    Raises:
        VersionNotReached, UnknownCatalogVersion: the ledger has not what it names.
    """
    columns = Columns(await parts.histories.catalog_of(decided.catalog_version))
    key = key_of(decided, columns)
    cell = await _cell(parts, decided, columns, key)
    recorded, again = decided.verdict(), decided.verdict(cell)
    return {
        "decision_id": named,
        "org_id": org_json(decided.org),
        "key": key,
        "agrees": recorded == again,
        "recorded": recorded._asdict(),
        "replayed": again._asdict(),
        "mode": decided.mode,
        "permission": _PERMISSION[decided.permitted],
        "own_org": decided.own,
        "org_version": decided.org_version,
        "catalog_version": decided.catalog_version,
        "rollout_version": decided.rollout_version,
        "evaluated_at": iso(decided.evaluated_at),
    }


async def explained_decision(parts: ApiParts, org: OrgId, named: str) -> dict[str, Any]:
    """Why a recorded decision came out as it did, and whether it does again.

    Raises:
        InvalidDecisionId: it is about another org.
        UnknownKey, UnknownOrg: it was about what did not exist.
    """
    decided = read_decision_id(named)
    if decided.org != org:
        raise InvalidDecisionId
    catalog = await parts.histories.catalog_of(decided.catalog_version)
    key = key_of(decided, Columns(catalog))
    if key is None:
        raise UnknownKey(decided.key)
    if decided.org_version == 0:
        raise UnknownOrg(org)
    history = (await parts.histories.of(org)).at_version(decided.org_version)
    found = explain(history, catalog, key, at=decided.evaluated_at)
    return {
        "org_id": org_json(org),
        "known_at": iso(history.recorded[-1].recorded_at),
        "org_version": history.version,
        "catalog_version": catalog.version,
        **explanation(found),
        "decision": await replayed(parts, named, decided),
    }


def key_of(decided: Decided, columns: Columns) -> Key | None:
    """The key that was asked about, None where the catalog has none that is spelt so.

    Raises:
        InvalidDecisionId: the catalog has not so many keys.
    """
    if decided.key.startswith("x"):
        spellings = columns.catalog.spellings()
        return next((key for raw, key in spellings if unknown(raw) == decided.key), None)
    place = int(decided.key)
    if place >= len(columns.keys):
        raise InvalidDecisionId
    return columns.keys[place]


async def _cell(parts: ApiParts, decided: Decided, columns: Columns, key: Key | None) -> int:
    if key is None:
        return UNKNOWN_KEY
    place = columns.place_of[key]
    if decided.org_version == 0:
        known = await _registered(parts, decided)
        return columns.unknown[place] if not known else columns.blank[place]
    history = (await parts.histories.of(decided.org)).at_version(decided.org_version)
    lanes = history.lanes if decided.from_history else history.standing
    return columns.row(lanes, decided.evaluated_at)[place]


async def _registered(parts: ApiParts, decided: Decided) -> bool:
    try:
        await parts.histories.of(decided.org, known_at=decided.evaluated_at)
    except UnknownOrg:
        return False
    return True
