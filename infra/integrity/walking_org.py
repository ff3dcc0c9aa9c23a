"""Goes over the events of one org: their leaves, their links into the chain, their versions."""

from domain.breaks import Break, altered, missing, time_falls, version_gap
from domain.chain import chain_hash, leaf_hash
from domain.entries import Entry, Place
from domain.ids import OrgId
from domain.refusals import UnknownOrg
from infra.integrity.walking import Reading
from projections.chain import End, org_entries, org_view, read_end

_PAGE = 500  # events


async def walk_org(reading: Reading, org: OrgId) -> tuple[int, End, Break | None]:
    """How many events of an org are right, where the log ends, and what is wrong with the next.

    Raises:
        UnknownOrg: neither the log nor the view knows it.
    """
    async with reading() as connection:
        view = await org_view(connection, org)
        version, before, broken = 0, None, None
        while broken is None:
            page = await org_entries(connection, org, after=version, limit=_PAGE)
            for previous, entry in page:
                broken = _wrong_in_stream(previous, entry, before=before)
                if broken is not None:
                    break
                version, before = entry.version, entry
            if len(page) < _PAGE:
                break
        end = await read_end(connection)  # after the events, so that none of them is beyond it
    if view is None and before is None and broken is None:
        raise UnknownOrg(org)
    return version, end, broken or _wrong_org_end(view, before, end)


def _wrong_in_stream(previous: bytes | None, entry: Entry, *, before: Entry | None) -> Break | None:
    last = before.version if before else 0
    if entry.version != last + 1:
        return version_gap(Place(entry.position, entry.stream, entry.version), after=last)
    if previous is None:
        return missing(entry.position - 1, following=entry.position)
    if chain_hash(previous, leaf_hash(entry)) != entry.hash:
        return altered(entry)
    if before is not None and entry.position < before.position:
        detail = f"Version {entry.version} of stream '{entry.stream}' stands before version {last}."
        return Break(kind="order", position=entry.position, detail=detail)
    if before is not None and entry.micros < before.micros:
        return time_falls(entry)
    return None


def _wrong_org_end(view: tuple[int, int] | None, last: Entry | None, end: End) -> Break | None:
    if last is not None and last.position > end.position:
        detail = f"The head ends the log at {end.position}; this event stands behind it."
        return Break(kind="head_mismatch", position=last.position, detail=detail)
    version = last.version if last else 0
    if view is not None and view[0] > version:
        detail = f"The log has {version} events of it; its view was written with version {view[0]}."
        return Break(kind="missing", position=view[1], detail=detail)
    return None
