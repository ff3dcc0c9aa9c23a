"""A record of every kind of message, made of fixed rows: what the fixtures are compared with."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from consumers import wire
from consumers.relay.records import Message, Renderer, tombstone
from consumers.topics import Topics
from domain.catalog import Key
from domain.catalog_document import read_catalog
from domain.facts import ModuleGranted, OrgRegistered
from domain.gating import Gating
from domain.ids import OrgId
from domain.org import Org
from infra.catalog import default_document
from projections import current
from projections.outgoing import Event, State
from projections.snapshot import Snapshots
from tests.domain.scenario import fact

FIXTURES = Path(__file__).parents[2] / "fixtures"
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
TOPICS = Topics.named()


def examples() -> dict[str, Message]:
    """The messages by the names of their fixtures."""
    renderer = Renderer(TOPICS)
    found = {name: renderer.event(event, epoch=2) for name, event in _events()}
    found["OrgState.v1"] = _state(renderer)
    found["OrgState.v1.gone"] = tombstone(TOPICS, OrgId("42"), epoch=2)
    found["Heartbeat.v1"] = renderer.heartbeat(0, epoch=2, position=1234, at=NOON)
    broken = Event(
        1235, "org-42", 8, str(UUID(int=7)), "entitlements.GrantEnded.v1", b"no JSON", NOON
    )
    found["DeadLetter.v1"] = renderer.event(broken, epoch=2)
    return found


def described(message: Message) -> dict[str, Any]:
    """A record as a fixture has it; a value that is no JSON as text."""
    return {
        "topic": message.topic,
        "key": message.key.decode(),
        "headers": wire.read(message.headers),
        "value": _value(message.value),
    }


def _value(value: bytes | None) -> Any:
    if value is None:
        return None
    try:
        return json.loads(value)
    except ValueError:
        return {"text": value.decode()}


def _events() -> Iterator[tuple[str, Event]]:
    """One of every released version of a fact, from the fixtures of the log."""
    for path in sorted((FIXTURES / "events").glob("*.json")):
        stored = json.loads(path.read_text("utf-8"))
        body = json.dumps(stored["body"], separators=(",", ":"), ensure_ascii=False).encode()
        event_id = stored["body"]["event_id"]
        topic = path.name.removesuffix(".json")
        yield (
            topic.removeprefix("entitlements."),
            Event(1234, stored["stream"], stored["version"], event_id, topic, body, NOON),
        )


def _state(renderer: Renderer) -> Message:
    org = Org.blank("org-42")
    fact(OrgRegistered).completed(org.id, 1).mutate(org)
    before = org.lanes
    fact(ModuleGranted, key=Key("crm"), grant_id="g1").completed(org.id, 2).mutate(org)
    small = default_document()
    small["modules"] = [
        module | {"submodules": module["submodules"][:1]}
        for module in small["modules"]
        if module["key"] in ("crm", "email", "hr")
    ]
    small["bundles"] = []
    return renderer.state(
        State(OrgId("42"), org.version, 1234, current.written(org)),
        org,
        before=before,
        cause=ModuleGranted.TOPIC,
        recorded_at=NOON,
        snapshots=Snapshots(read_catalog(small, version=3), Gating()),
        epoch=2,
        at=NOON,
    )
