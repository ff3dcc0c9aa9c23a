"""What a newer version wrote holds its org and nothing else, and is shown as it stands."""

import json
import logging
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from api.render_audit import csv_lines, json_lines
from api.render_history import recorded
from domain.commands import GrantAccess, RevokeAccess
from domain.facts import NewerFact
from domain.ids import OrgId, org_stream
from domain.instants import BEGINNING, iso
from domain.refusals import OrgHeldByNewerVersion
from infra.database import Database
from infra.histories import Audit, Histories
from infra.readiness import readiness
from infra.store.append import Append, StoredFact, ViewRows
from infra.store.newer_facts import read_any_fact
from infra.wiring import Parts
from projections import current, legacy
from projections.audit_pages import AuditQuery
from projections.orgs import fetch_orgs
from projections.wakes import due_orgs
from tests.infra.store.orders import CRM, order, registration
from tests.infra.store.world import call

pytestmark = [pytest.mark.anyio, pytest.mark.one_server]

ORG, OTHER = OrgId("1042"), OrgId("7")
TOPIC = "entitlements.SeatsLeased.v1"
BODY: dict[str, Any] = {
    "timestamp": "2026-03-02T12:00:00.000000Z",
    "event_id": "019ca000-0000-7000-8000-000000000001",
    "actor": "u9",
    "actor_type": "super_admin",
    "reason": "they lease seats from now on",
    "effective_at": "2026-03-02T12:00:00.000000Z",
    "key": "crm",
    "seats": {"sold": 12, "names": ["=a", "ü"]},
}
FETCH = AuditQuery(org=ORG, newest_first=False)


async def upgraded(parts: Parts, database: Database, *, more: dict[str, Any] | None = None) -> None:
    """Two orgs with a grant; then a newer version writes a fact of its own about one of them."""
    for number in (ORG, OTHER):
        await parts.ledger.execute(registration(number, GrantAccess(key=CRM)))
    org = (await parts.table.get(ORG)).org
    state = json.loads(current.written(org)) | (more or {})
    views = ViewRows(
        name=org.name,
        state=json.dumps(state, separators=(",", ":")).encode(),
        granted=legacy.written(org),
    )
    event = StoredFact(UUID(BODY["event_id"]), TOPIC, json.dumps(BODY).encode())
    newer = Append(
        command_id=uuid4(),
        stream=org_stream(ORG),
        expected=org.version,
        events=[event],
        views=views,
    )
    with psycopg.connect(database.app_url, autocommit=True) as app:
        [appended] = call(app, newer)
    assert appended.verdict == "appended"


async def test_a_command_on_a_held_org_is_refused_and_other_orgs_go_on(
    parts: Parts, database: Database
) -> None:
    await upgraded(parts, database)

    with pytest.raises(OrgHeldByNewerVersion, match=TOPIC) as refusal:
        await parts.ledger.execute(order(ORG, RevokeAccess(key=CRM)))
    assert (refusal.value.code, refusal.value.facts["by"]) == ("org_held_by_newer_version", TOPIC)
    assert (await parts.ledger.execute(order(OTHER, RevokeAccess(key=CRM)))).changed


async def test_a_process_that_held_the_org_in_memory_does_not_write_over_it(
    parts: Parts, database: Database
) -> None:
    """It has not heard yet: the append tells, and the org is read again."""
    await upgraded(parts, database)
    parts.table.clear()
    async with parts.ledger.reading() as connection:
        cursor = await connection.execute(
            "SELECT state FROM ledger.current_entitlements WHERE org = %s", (ORG,)
        )
        (state,) = await cursor.fetchone() or (b"",)
    parts.table.put(current.read(ORG, version=2, state=state))

    with pytest.raises(OrgHeldByNewerVersion):
        await parts.ledger.execute(order(ORG, RevokeAccess(key=CRM)))


async def test_a_held_org_is_read_from_its_row_as_ever(
    parts: Parts, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    """And whoever reads the log of the process is told."""
    with caplog.at_level(logging.WARNING, logger="entitlements.orgs"):
        await upgraded(parts, database)
        entry = await parts.table.get(ORG, min_version=3)

    judged = entry.judged(parts.shelf.catalog, parts.clock.now())
    assert (entry.version, judged.states[CRM].label) == (3, "enabled")
    assert TOPIC in caplog.text


async def test_a_state_with_more_in_it_than_is_known_holds_its_org(
    parts: Parts, database: Database
) -> None:
    """Written back, what a newer version keeps there would be lost."""
    await upgraded(parts, database, more={"seats": {"crm": 12}})
    state = {"name": "A", "decided_at": BODY["timestamp"], "grants": [], "used_trials": {}}
    block = {
        "id": "b1",
        "scope": "module",
        "key": "crm",
        "category": "abuse",
        "starts": BODY["timestamp"],
        "ends": None,
        "appeal": "a1",
    }

    org = current.read(ORG, version=4, state=json.dumps(state | {"blocks": [block]}).encode())

    assert org.held_by is not None
    assert "'appeal'" in org.held_by
    assert org.blocks["b1"].category == "abuse"
    assert (await parts.table.get(ORG, min_version=3)).org.held_by == TOPIC
    assert current.copied(org).held_by == org.held_by


async def test_the_past_of_a_held_org_is_told_up_to_what_is_not_known(
    parts: Parts, database: Database
) -> None:
    """An answer that leaves out what cannot be read would be a guess."""
    await upgraded(parts, database)
    histories = Histories(parts.ledger.reading)

    with pytest.raises(OrgHeldByNewerVersion, match=TOPIC):
        await histories.of(ORG)
    entries, _ = await Audit(parts.ledger.reading).page(FETCH)
    before = entries[1].recorded_at
    assert (await histories.of(ORG, known_at=before)).version == 2
    assert (await histories.of(OTHER)).version == 2


async def test_the_audit_log_shows_a_newer_fact_whole(parts: Parts, database: Database) -> None:
    """In pages, and in both exports."""
    await upgraded(parts, database)
    audit = Audit(parts.ledger.reading)

    entries, _ = await audit.page(FETCH)
    shown = recorded(entries[-1])

    assert [recorded(entry)["type"] for entry in entries][-2:] == [
        "entitlements.ModuleGranted.v1",
        TOPIC,
    ]
    assert shown["data"] == BODY
    assert (shown["org_id"], shown["org_version"], shown["actor"]) == (1042, 3, "u9")
    assert (shown["event_id"], shown["effective_at"]) == (BODY["event_id"], BODY["timestamp"])
    lines = [text async for text in json_lines(await audit.everything(FETCH))]
    assert json.loads("".join(lines).splitlines()[-1]) == shown
    rows = "".join([text async for text in csv_lines(await audit.everything(FETCH))])
    assert TOPIC in rows.splitlines()[-1]


async def test_readiness_counts_the_held_orgs_and_the_process_stays_ready(
    parts: Parts, database: Database
) -> None:
    await upgraded(parts, database)
    await Audit(parts.ledger.reading).page(FETCH)  # which brings the view up to date

    (check,) = [check for check in await readiness(parts) if check.name == "orgs"]

    assert check.ok
    assert check.facts == {"held_by_newer_version": 1, "newer_types": [TOPIC]}


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        (b"\xff not JSON", {"text": "\\xff not JSON"}),
        (b"[1]", {"text": "[1]"}),
        (b'{"actor": 7, "timestamp": "soon", "event_id": 3, "effective_at": "2026-01-01"}', None),
        (b"{}", {}),
    ],
)
def test_nothing_about_a_newer_fact_is_taken_for_granted(body: bytes, shown: Any) -> None:
    """Its body may be of another form altogether."""
    fact = read_any_fact("org-7", 3, TOPIC, body)
    assert isinstance(fact, NewerFact)
    assert fact.body == (json.loads(body) if shown is None else shown)
    assert (fact.TOPIC, fact.actor, fact.ticket, fact.effective_at) == (TOPIC, "", None, BEGINNING)


async def test_whichever_way_an_org_is_read_it_is_held(parts: Parts, database: Database) -> None:
    """With many others, and by the ticker: what they read replaces what is in memory."""
    due_at = parts.clock.now() + timedelta(days=1)
    await upgraded(parts, database, more={"wake_at": iso(due_at)})

    async with parts.ledger.reading() as connection:
        both = await fetch_orgs(connection, [ORG, OTHER])
        due = await due_orgs(connection, now=due_at, after=None, limit=9)

    assert {org.org_id: org.held_by for org in both} == {ORG: TOPIC, OTHER: None}
    assert all(org.position > 0 for org in both)
    assert [(wake.org.org_id, wake.org.held_by) for wake in due] == [(ORG, TOPIC)]
