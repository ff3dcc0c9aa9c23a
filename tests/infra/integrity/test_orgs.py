"""The events of one org: their leaves, their links into the chain, their versions."""

import pytest
from psycopg import AsyncConnection

from domain.breaks import Break
from domain.entries import Entry, Place
from domain.ids import OrgId
from domain.refusals import UnknownOrg
from infra.integrity.verifying import verify_org
from projections.chain import without_predecessor
from tests.infra.integrity.world import end_head, log, over, rehash

pytestmark = pytest.mark.anyio
OWN, OTHER = OrgId("3"), OrgId("4")


@pytest.fixture
async def own(forger: AsyncConnection) -> list[Entry]:
    """The events of one org."""
    return [row for row in await log(forger) if row.stream == f"org-{OWN}"]


async def broken(forger: AsyncConnection, org: OrgId = OWN) -> tuple[str, int] | None:
    """The kind and the position of the break that is found."""
    found: Break | None = (await verify_org(over(forger), org)).broken
    return (found.kind, found.position) if found else None


async def test_the_events_of_an_org_verify(forger: AsyncConnection, own: list[Entry]) -> None:
    """All of them, wherever they stand."""
    found = await verify_org(over(forger), OWN)

    assert found.ok
    assert (found.org, found.events) == (OWN, len(own))


async def test_an_altered_event_of_an_org_is_named(
    forger: AsyncConnection, own: list[Entry]
) -> None:
    place = own[4].position
    await forger.execute(
        "UPDATE ledger.events SET state = state || ' ' WHERE position = %s", (place,)
    )

    assert await broken(forger) == ("altered", place)


async def test_an_altered_event_of_another_org_is_not_ones_own(
    forger: AsyncConnection, own: list[Entry]
) -> None:
    """So a service may learn about its org alone."""
    await forger.execute(
        "UPDATE ledger.events SET state = state || ' ' WHERE stream = %s", (f"org-{OTHER}",)
    )

    assert await broken(forger) is None
    assert await broken(forger, OTHER) is not None


async def test_an_event_that_was_taken_from_an_org_leaves_a_gap(
    forger: AsyncConnection, own: list[Entry]
) -> None:
    """Named at the next one."""
    await forger.execute("DELETE FROM ledger.events WHERE position = %s", (own[4].position,))

    assert await broken(forger) == ("version_gap", own[5].position)


async def test_the_last_event_of_an_org_is_missed_by_its_view(
    forger: AsyncConnection, own: list[Entry]
) -> None:
    """Nothing in the stream itself would tell."""
    await forger.execute("DELETE FROM ledger.events WHERE position = %s", (own[-1].position,))

    assert await broken(forger) == ("missing", own[-1].position)


async def test_an_event_without_the_one_before_it_in_the_log_cannot_be_linked(
    forger: AsyncConnection, own: list[Entry]
) -> None:
    rows = {row.position: row for row in await log(forger)}
    place = next(row.position for row in own[1:] if rows[row.position - 1].stream != f"org-{OWN}")
    await forger.execute("DELETE FROM ledger.events WHERE position = %s", (place - 1,))

    assert await broken(forger) == ("missing", place - 1)


async def test_versions_that_do_not_follow_their_places_are_named(
    forger: AsyncConnection, own: list[Entry]
) -> None:
    """Two events of the org change places, and everything is hashed anew."""
    first, second = own[3].position, own[4].position
    for old, new in ((first, 0), (second, first), (0, second)):
        await forger.execute(
            "UPDATE ledger.events SET position = %s WHERE position = %s", (new, old)
        )
    await rehash(forger, start=first)

    assert await broken(forger) == ("order", first)


async def test_an_event_of_an_org_behind_the_end_is_named(
    forger: AsyncConnection, own: list[Entry]
) -> None:
    """The head was set back, and the events are still there."""
    await forger.execute("UPDATE ledger.head SET position = %s", (own[-1].position - 1,))

    assert await broken(forger) == ("head_mismatch", own[-1].position)


async def test_an_org_that_the_ledger_does_not_know_is_refused(forger: AsyncConnection) -> None:
    with pytest.raises(UnknownOrg):
        await verify_org(over(forger), OrgId("nobody"))


async def test_an_event_that_follows_nothing_is_found_in_the_log(
    forger: AsyncConnection, own: list[Entry]
) -> None:
    """What a walk has forgotten is looked up."""
    await forger.execute("DELETE FROM ledger.events WHERE position = %s", (own[4].position,))
    await end_head(forger)

    places = [Place(row.position, row.stream, row.version) for row in own]
    assert await without_predecessor(forger, places[1:4]) == set()
    assert await without_predecessor(forger, places[5:8]) == {own[5].position}
