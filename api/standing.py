"""Where what is known of an org comes from: memory, the database, its history, or last of all."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from api.checking import Asker, Asking, Known
from api.parts import ApiParts
from api.tokens import Principal
from domain.ids import OrgId
from domain.refusals import Refusal, Unavailable, UnknownOrg
from domain.rows import Columns
from projections.rows import Rows, version_of

_MOST_TRIES = 5
Found = dict[OrgId, Known | Refusal]


async def present(
    parts: ApiParts,
    orgs: Iterable[OrgId],
    *,
    about: Principal,
    permission: str | None,
    counted: bool = True,
) -> tuple[Asking, Found]:
    """Every org at this one instant; a refusal where it cannot be found out.

    What crosses a boundary while others are still being read is read again.

    Args:
        counted: whether the answers count as decisions: those of a list of all keys do not.
    """
    found: Found = {}
    for _ in range(_MOST_TRIES):
        for org in orgs:
            found[org] = await _present(parts, org)
        at = parts.clock.now()
        if all(_holds(known, at) for known in found.values()):
            asker = asker_of(parts, about, permission, counted=counted)
            return asker.at(at), found
    raise Unavailable("Too much changes by itself at this moment; ask again.")


async def at_instant(
    parts: ApiParts,
    orgs: Iterable[OrgId],
    *,
    about: Principal,
    permission: str | None,
    at: datetime,
) -> tuple[Asking, Found]:
    """Every org as it was or will be at an instant, by all that has been recorded."""
    catalog = await parts.histories.catalog_at(min(at, parts.clock.now()))
    columns = Columns(catalog)
    asker = Asker(columns, parts.rows.gating, about=about, permission=permission, ttl=None)
    return asker.at(at), {org: await _past(parts, columns, org, at) for org in orgs}


def asker_of(
    parts: ApiParts, about: Principal, permission: str | None, *, counted: bool = True
) -> Asker:
    """Who asks about the present, under the catalog and the rollout that are in force."""
    rows = parts.rows
    return Asker(
        rows.columns,
        rows.gating,
        about=about,
        permission=permission,
        ttl=timedelta(seconds=rows.ttl_seconds),
        decided=parts.decided if counted else None,
    )


def known_of(rows: Rows, org: OrgId, row: bytes) -> Known:
    """What a row says."""
    return Known(row, version_of(row), rows.not_after(org))


def _holds(known: Known | Refusal, at: datetime) -> bool:
    return isinstance(known, Refusal) or known.boundary is None or at < known.boundary


async def _present(parts: ApiParts, org: OrgId) -> Known | Refusal:
    rows = parts.rows
    try:
        return known_of(rows, org, await rows.get(org))
    except UnknownOrg:
        return Known(rows.columns.unknown, 0, None)
    except Unavailable as refusal:
        row = rows.last_known(org, parts.clock.now())
        if row is None and rows.gating.uniform == "off":  # the kill switch asks for no state
            return Known(rows.columns.blank, 0, None, stale=True)
        return refusal if row is None else known_of(rows, org, row)._replace(stale=True)


async def _past(parts: ApiParts, columns: Columns, org: OrgId, at: datetime) -> Known | Refusal:
    try:
        history = await parts.histories.of(org)
    except UnknownOrg:
        return Known(columns.unknown, 0, None)
    except Unavailable as refusal:
        return refusal
    lanes = history.lanes
    return Known(columns.row(lanes, at), history.version, lanes.next_boundary(after=at))
