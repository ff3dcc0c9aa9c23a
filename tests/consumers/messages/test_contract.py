"""The wire contract: what is on a topic today is what its readers were told.

A fixture is never edited once it was released. Whatever changes one is a new version of a message.
"""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

import pytest
from starlette.testclient import TestClient

from api.app import create_app
from entitlements_sdk.kafka.news import Heartbeat, OrgChanged, OrgGone, Version, read
from tests.consumers.messages.examples import FIXTURES, described, examples

EXAMPLES = examples()


def fixture(name: str) -> Any:
    return json.loads((FIXTURES / "messages" / f"{name}.json").read_text("utf-8"))


def test_every_message_has_a_fixture() -> None:
    """One for each version of each fact, and for what is no fact."""
    names = {path.name.removesuffix(".json") for path in (FIXTURES / "messages").glob("*.json")}
    assert names == set(EXAMPLES)


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_message_is_what_it_was(name: str) -> None:
    assert described(EXAMPLES[name]) == fixture(name)


class Received(NamedTuple):
    """A fixture as a client of Kafka hands it out."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes]]


def received(sent: Mapping[str, Any]) -> Received:
    value = None if sent["value"] is None else json.dumps(sent["value"]).encode()
    headers = [(name, text.encode()) for name, text in sent["headers"].items()]
    return Received(0, 0, sent["key"].encode(), value, headers)


def test_subscribers_read_what_was_agreed() -> None:
    """The SDK of any release reads the fixtures of every release."""
    changed = read(received(fixture("OrgState.v1")))
    assert isinstance(changed, OrgChanged)
    assert (changed.org, changed.version, changed.epoch) == ("42", Version(2, 3, 0), 2)
    assert changed.states["crm"] == "enabled"
    assert changed.denied_by["hr"] == "not_granted"
    assert "crm" in changed.changed_keys
    assert read(received(fixture("OrgState.v1.gone"))) == OrgGone(org="42", epoch=2)
    beat = read(received(fixture("Heartbeat.v1")))
    assert beat == Heartbeat(epoch=2, ledger_seconds=1772452800.0)
    assert read(received(fixture("ModuleGranted.v1"))) is None


def test_the_document_is_served_to_anybody() -> None:
    """Beside `/openapi.json`, and it names every topic."""
    app = create_app(lambda: pytest.fail("nothing is opened"))
    answer = TestClient(app).get("/asyncapi.yaml")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/yaml"
    topics = {message.topic for message in EXAMPLES.values()}
    assert all(f"address: {topic}\n" in answer.text for topic in topics)
