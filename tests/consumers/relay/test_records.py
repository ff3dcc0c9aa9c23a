"""Records as they are made of rows; no broker is asked."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from consumers import wire
from consumers.relay.records import MOST_BYTES, Message, Renderer
from consumers.topics import Topics
from domain.catalog import Key
from domain.catalog_document import read_catalog
from domain.effective import Lanes
from domain.facts import GrantEnded, ModuleGranted, OrgRegistered
from domain.gating import Gating
from domain.ids import OrgId, org_stream
from domain.org import Org
from infra.catalog import default_document
from projections import current
from projections.outgoing import Event, State
from projections.snapshot import Snapshots
from tests.domain.scenario import fact

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
TOPICS = Topics.named()
ID = "01a21425-2b1d-784c-b5fd-12e77457a135"


@pytest.fixture(scope="module")
def snapshots() -> Snapshots:
    return Snapshots(read_catalog(default_document(), version=3), Gating())


def event(body: bytes, *, stream: str = "org-42", position: int = 1234) -> Event:
    return Event(position, stream, 7, ID, "entitlements.GrantEnded.v1", body, NOON)


def rendered(event: Event) -> tuple[Message, dict[str, str]]:
    message = Renderer(TOPICS).event(event, epoch=2)
    return message, wire.read(message.headers)


def org_with(*grants: str, ended: int = 0) -> Org:
    """An org with a grant of CRM from each source, of which so many have ended."""
    org = Org.blank("org-42")
    fact(OrgRegistered).completed(org.id, 1).mutate(org)
    for number, source in enumerate(grants):
        granted = fact(ModuleGranted, key=Key("crm"), source=source, grant_id=f"g{number}")
        granted.completed(org.id, org.version + 1).mutate(org)
    for number in range(ended):
        over = fact(GrantEnded, key=Key("crm"), source=grants[number], grant_id=f"g{number}")
        over.completed(org.id, org.version + 1).mutate(org)
    return org


def state_of(org: Org) -> State:
    return State(OrgId("42"), org.version, 1234, current.written(org))


def document(org: Org, before: Lanes, snapshots: Snapshots) -> dict[str, object]:
    message = Renderer(TOPICS).state(
        state_of(org),
        org,
        before=before,
        cause="entitlements.GrantEnded.v1",
        recorded_at=NOON,
        snapshots=snapshots,
        epoch=2,
        at=datetime.now(UTC) + timedelta(days=1),
    )
    assert message.value is not None
    found: dict[str, object] = json.loads(message.value)
    return found


def test_an_event_is_a_cloud_event_in_binary_mode() -> None:
    """Its attributes are headers, its data the stored body with its place in front."""
    message, sent = rendered(event(b'{"key":"crm","traceparent":"00-a-b-01"}'))
    assert (message.topic, message.key) == ("entitlements.events.v1", b"42")
    assert sent == {
        "ce_specversion": "1.0",
        "ce_source": "urn:entitlements-ledger",
        "ce_id": ID,
        "ce_type": "entitlements.GrantEnded.v1",
        "ce_subject": "42",
        "ce_time": "2026-01-31T12:00:00.000000Z",
        "ce_sequence": "1234",
        "ce_sequencetype": "Integer",
        "ce_orgversion": "7",
        "ce_ledgerepoch": "2",
        "content-type": "application/json",
        "traceparent": "00-a-b-01",
    }
    assert json.loads(message.value or b"") == {
        "org_id": 42,
        "type": "entitlements.GrantEnded.v1",
        "position": 1234,
        "org_version": 7,
        "recorded_at": "2026-01-31T12:00:00.000000Z",
        "key": "crm",
        "traceparent": "00-a-b-01",
    }


def test_an_event_that_belongs_to_no_org_has_its_stream_for_a_key() -> None:
    message, sent = rendered(event(b"{}", stream="catalog"))
    assert message.key == b"catalog"
    assert "ce_subject" not in sent
    assert message.value == (
        b'{"org_id":null,"type":"entitlements.GrantEnded.v1","position":1234,'
        b'"org_version":null,"recorded_at":"2026-01-31T12:00:00.000000Z"}'
    )


@pytest.mark.parametrize(
    "body", [b"no JSON", b"[]", b'"\xff"', b'{"reason":"' + b"x" * MOST_BYTES + b'"}']
)
def test_what_cannot_be_rendered_is_a_dead_letter_with_the_reason(body: bytes) -> None:
    """With the org's key, so that it keeps its place among the dead letters of the org."""
    message, sent = rendered(event(body))
    assert (message.topic, message.key) == ("entitlements.dead-letter.v1", b"42")
    assert (sent["ce_sequence"], sent["error_topic"]) == ("1234", "entitlements.events.v1")
    assert sent["error_type"]
    assert message.value == (body if len(body) <= MOST_BYTES else b"")


def test_what_the_broker_refused_once_becomes_a_dead_letter() -> None:
    renderer = Renderer(TOPICS)
    first = renderer.event(event(b"{}"), epoch=1)
    renderer.refused.add((first.topic, first.key, first.position))
    assert renderer.event(event(b"{}"), epoch=1).topic == TOPICS.dead_letter
    assert renderer.event(event(b"{}", position=1235), epoch=1).topic == TOPICS.events


def test_two_sources_and_one_ends_change_no_key(snapshots: Snapshots) -> None:
    """The version rises all the same (case 9); when the other ends too, the keys are named."""
    both = org_with("admin", "plan:pro@1")
    one, none = (org_with("admin", "plan:pro@1", ended=n) for n in (1, 2))

    still = document(one, both.lanes, snapshots)
    assert (still["changed_keys"], still["org_version"]) == ([], 4)
    assert still["kind"] == "state"

    gone = document(none, one.lanes, snapshots)
    assert isinstance(gone["changed_keys"], list)
    assert {"crm", "crm.lead_management"} <= set(gone["changed_keys"])
    assert all(key.startswith("crm") for key in gone["changed_keys"])


def test_a_snapshot_says_of_every_key_what_the_domain_says(snapshots: Snapshots) -> None:
    """What no org was granted is worked out once; that must not show."""
    from domain.effective import denied_by, effective

    at = datetime.now(UTC)
    org = org_with("admin", ended=1)
    found = snapshots.document(org, position=1, epoch=1, at=at)
    catalog = snapshots.catalog
    assert found["states"] == {
        key: effective(org.lanes, catalog, key, at).label for key in catalog.walk()
    }
    reasons = {key: denied_by(org.lanes, catalog, key, at) for key in catalog.walk()}
    assert found["denied_by"] == {key: why for key, why in reasons.items() if why is not None}


@pytest.mark.parametrize("of", ["42", "acme-eu"])
@pytest.mark.parametrize("ends", [None, NOON + timedelta(days=9)])
@pytest.mark.parametrize("gating", [Gating(), Gating(exempt_modules=frozenset({Key("crm")}))])
def test_a_record_of_state_is_the_snapshot_byte_by_byte(
    of: str, ends: datetime | None, gating: Gating
) -> None:
    """It is put together of ready pieces, which must not show."""
    org = Org.blank(org_stream(OrgId(of)))
    fact(OrgRegistered).completed(org.id, 1).mutate(org)
    fact(ModuleGranted, key=Key("crm"), ends=ends).completed(org.id, 2).mutate(org)
    made = Snapshots(read_catalog(default_document(), version=3), gating)
    more = {"changed_keys": ["crm"], "cause": '100 % sure, ä "quoted"', "kind": "state"}

    written = made.written(org, position=7, epoch=2, at=NOON, more=more)

    whole = made.document(org, position=7, epoch=2, at=NOON) | more
    assert written == json.dumps(whole, separators=(",", ":"), ensure_ascii=False).encode()
