"""What is seen of decisions is kept in batches, bounded, and never in the way of one."""

from datetime import timedelta

import psycopg
import pytest

from domain.catalog import Key
from domain.commands import BlockAccess, GrantAccess
from domain.evidence import Evidence, Watched
from domain.ids import OrgId
from domain.steering import SetShare
from infra.database import Database
from infra.watching import Watching
from infra.wiring import Parts
from projections.tallies import Tallies
from projections.watched import Denial, Sight, evidence, keys_used, orgs_denied
from tests.domain.world import SUPER_ADMIN, noon
from tests.infra.store.orders import CRM, LEADS, registration

pytestmark = pytest.mark.anyio
HR = Key("hr")
ORG, NOBODY = OrgId("1"), OrgId("404")


def watching(parts: Parts, tallies: Tallies) -> Watching:
    return Watching(tallies, reading=parts.ledger.reading, version=lambda: 3, now=parts.clock.now)


def denied(org: OrgId, key: Key, *, enforced: bool = False, version: int = 3) -> Denial:
    return Denial(version, org, key, "not_granted", enforced)


def told(tallies: Tallies) -> dict[str, float]:
    """The counts of a process by name and class."""
    return {
        " ".join((count.name, *values)): number
        for count in tallies.counted()
        for values, number in count.of.items()
        if isinstance(number, int | float)
    }


async def test_would_be_denials_are_compared_with_the_legacy_flags(parts: Parts) -> None:
    """A submodule that was switched off is denied where the flag of its module allows it."""
    off = BlockAccess(scope="submodule", key=LEADS, category="admin_off")
    await parts.ledger.execute(registration("1", GrantAccess(key=CRM), off))
    tallies = Tallies()
    watch, now = watching(parts, tallies), parts.clock.now()
    watch.sight.checked(1_000, version=3)
    for denial in (denied(ORG, LEADS), denied(ORG, LEADS), denied(ORG, HR), denied(NOBODY, CRM)):
        watch.sight.denied(denial, now)
    watch.sight.denied(denied(ORG, LEADS, enforced=True), now)

    await watch.keep()

    assert told(tallies) == {
        "would_deny_total false_denial": 2,
        "would_deny_total agreed": 1,
        "would_deny_total unknown_org": 1,
        "unexpected_denied_total": 1,
    }
    async with parts.ledger.reading() as connection:
        found = await evidence(connection, present=[3], baseline=[0])
        used = await keys_used(connection, [ORG, NOBODY])
        orgs = await orgs_denied(connection, after="", limit=10)
    assert found == Evidence(present=Watched(checks=1_000, unexpected=3))
    assert [(u.org, u.key, u.legacy, u.uses) for u in used] == [
        (ORG, LEADS, True, 3),
        (ORG, HR, False, 1),
    ]
    assert orgs == [ORG, NOBODY]


async def test_batches_add_up_and_the_newest_use_is_kept(parts: Parts) -> None:
    await parts.ledger.execute(registration("1"))
    watch, now = watching(parts, Tallies()), parts.clock.now()
    for ago in (timedelta(0), timedelta(hours=1)):
        watch.sight.checked(5, version=3)
        watch.sight.denied(denied(ORG, HR), now - ago, uses=2)
        await watch.keep()

    async with parts.ledger.reading() as connection:
        [used] = await keys_used(connection, [ORG])
        found = await evidence(connection, present=[3], baseline=[])
    assert (used.uses, used.last_use) == (4, now)
    assert found.present.checks == 10


async def test_what_cannot_be_kept_is_kept_later(parts: Parts, database: Database) -> None:
    """Nothing is raised, nothing is counted twice."""
    await parts.ledger.execute(registration("1"))
    tallies = Tallies()
    watch = watching(parts, tallies)
    watch.sight.checked(7, version=3)
    watch.sight.denied(denied(ORG, HR), parts.clock.now())
    with psycopg.connect(database.owner_url, autocommit=True) as owner:
        owner.execute("ALTER TABLE ledger.denials_seen RENAME TO away")
        await watch.keep()
        assert "would_deny_total agreed" not in told(tallies)
        owner.execute("ALTER TABLE ledger.away RENAME TO denials_seen")

    await watch.keep()
    await watch.keep()

    assert told(tallies)["would_deny_total agreed"] == 1
    async with parts.ledger.reading() as connection:
        assert (await evidence(connection, present=[3], baseline=[])).present.checks == 7


def test_memory_has_a_bound() -> None:
    """What finds no room is counted, also when it comes back from where it could not be kept."""
    sight = Sight(most=2)
    at = noon
    for key in (CRM, HR, LEADS, LEADS):
        sight.denied(denied(ORG, key), at)
    batch = sight.take()
    assert (len(batch.denials), batch.unsampled) == (2, 2)

    sight.denied(denied(NOBODY, CRM), at)
    sight.put_back(batch)
    batch = sight.take()
    assert (len(batch.denials), batch.unsampled) == (2, 3)


async def test_what_was_kept_is_not_kept_again_where_forgetting_fails(
    parts: Parts, database: Database
) -> None:
    """They are two transactions, and the first of them holds."""
    await parts.ledger.execute(registration("1"))
    tallies = Tallies()
    watch = watching(parts, tallies)
    with psycopg.connect(database.owner_url, autocommit=True) as owner:
        owner.execute("ALTER FUNCTION ledger.forget_denials RENAME TO away")
        watch.sight.checked(7, version=3)
        watch.sight.denied(denied(ORG, HR), parts.clock.now())
        await watch.keep()
        await watch.keep()

    assert told(tallies)["would_deny_total agreed"] == 1
    async with parts.ledger.reading() as connection:
        assert (await evidence(connection, present=[3], baseline=[])).present.checks == 7


async def test_to_gate_nobody_needs_no_evidence(parts: Parts, database: Database) -> None:
    """The way out of an emergency must not depend on what is watched."""
    with psycopg.connect(database.owner_url, autocommit=True) as owner:
        owner.execute("ALTER TABLE ledger.rollout_watched RENAME TO away")
        await parts.rollouts.steer([SetShare(share=0)], by=SUPER_ADMIN)
        with pytest.raises(psycopg.Error):
            await parts.rollouts.steer([SetShare(share=500)], by=SUPER_ADMIN)
