"""Released facts are never edited: every one that was ever written is read, and written alike."""

import json
import re
from collections.abc import Iterator
from dataclasses import FrozenInstanceError, fields
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, cast, get_type_hints
from uuid import UUID

import pytest
from eventsourcing.persistence import StoredEvent

from domain.catalog_document import read_catalog
from domain.facts import CatalogPublished, LedgerEvent, OrgEvent
from domain.ids import CATALOG_STREAM, org_of
from domain.org import Org
from domain.upcasts import UPCASTS
from infra.store.mapper import FactMapper, UnknownFact, fact_body, read_fact

FIXTURES = Path(__file__).parents[2] / "fixtures" / "events"
TOPICS = sorted(LedgerEvent.BY_TOPIC)
PLACE = {"originator_id", "originator_version"}

of_every_topic = pytest.mark.parametrize("topic", TOPICS)


def fixture(topic: str) -> bytes:
    """One released fact: its stream, its version, and its body on a line of its own."""
    return (FIXTURES / f"{topic}.json").read_bytes()


def fact_of(topic: str, text: bytes) -> LedgerEvent:
    kept = json.loads(text)
    body = json.dumps(kept["body"], separators=(",", ":"), ensure_ascii=False)
    return read_fact(kept["stream"], kept["version"], topic, body.encode())


def written(fact: LedgerEvent) -> bytes:
    """The fixture that a fact makes, byte for byte."""
    head = f'{{\n  "stream": "{fact.originator_id}",\n  "version": {fact.originator_version},\n'
    return head.encode() + b'  "body": ' + fact_body(fact) + b"\n}\n"


def content(cls: type[LedgerEvent]) -> list[str]:
    return [field.name for field in fields(cast("Any", cls)) if field.name not in PLACE]


def breaches(topic: str, text: bytes) -> Iterator[str]:
    """In what way a fact that was written as `text` is no longer read and written alike."""
    names, known = list(json.loads(text)["body"]), content(LedgerEvent.BY_TOPIC[topic])
    if names != known:
        yield f"the fields are {known}, and were {names}"
        return
    fact = fact_of(topic, text)
    if written(fact) != text:
        yield f"it is written as {written(fact).decode()}"
    for name, hint in get_type_hints(type(fact)).items():
        if hint in (datetime, UUID) and not isinstance(getattr(fact, name), hint):
            yield f"{name} is {getattr(fact, name)!r}"


def test_every_fact_has_a_fixture_and_every_fixture_a_fact() -> None:
    """A new fact, or a new version of one, is released with its fixture."""
    assert sorted(path.stem for path in FIXTURES.iterdir()) == sorted([*TOPICS, *UPCASTS.topics])


@pytest.mark.parametrize("topic", UPCASTS.topics)
def test_a_fact_of_an_earlier_version_is_read_in_todays_form(topic: str) -> None:
    """What its fixture says, and what the newer version adds."""
    fact = fact_of(topic, fixture(topic))
    assert UPCASTS.newest(topic) == fact.TOPIC
    now = json.loads(fact_body(fact))
    assert json.loads(fixture(topic))["body"].items() <= now.items()


@of_every_topic
def test_a_released_fact_is_read_and_written_alike(topic: str) -> None:
    assert list(breaches(topic, fixture(topic))) == []


@pytest.mark.parametrize(
    ("topic", "name"),
    [(topic, name) for topic in TOPICS for name in content(LedgerEvent.BY_TOPIC[topic])],
)
def test_a_field_that_is_removed_or_renamed_breaks_the_contract(topic: str, name: str) -> None:
    quoted, renamed = f'"{name}":'.encode(), f'"{name}_":'.encode()
    assert list(breaches(topic, fixture(topic).replace(quoted, renamed, 1))) != []
    kept = json.loads(fixture(topic))
    del kept["body"][name]
    assert list(breaches(topic, json.dumps(kept).encode())) != []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"name":"M', b'"name": "M'),
        ("ü".encode(), b"\\u00fc"),
        (b".000000Z", b".000Z"),
        (b".000000Z", b".000000+00:00"),
        (b'"ticket":null,', b""),
        (b'"ticket":null', b'"tickets":null'),
        (b'"name":', b'"title":'),
        (b'"ticket":null,"correlation_id":null', b'"correlation_id":null,"ticket":null'),
        (b"\n}\n", b',\n  "more": 1\n}\n'),
    ],
)
def test_another_way_to_write_the_same_breaks_the_contract(old: bytes, new: bytes) -> None:
    topic = "entitlements.OrgRegistered.v1"
    changed = fixture(topic).replace(old, new)
    assert changed != fixture(topic)
    assert list(breaches(topic, changed)) != []


@of_every_topic
def test_a_topic_names_the_fact_and_its_version_and_no_import_path(topic: str) -> None:
    cls = LedgerEvent.BY_TOPIC[topic]
    assert re.fullmatch(rf"entitlements\.{cls.__name__}\.v[1-9][0-9]*", topic)


@of_every_topic
def test_a_fact_is_frozen(topic: str) -> None:
    fact = fact_of(topic, fixture(topic))
    with pytest.raises(FrozenInstanceError):
        fact.reason = "Another one altogether."


@of_every_topic
def test_every_instant_is_read_in_utc(topic: str) -> None:
    instants = [v for v in vars(fact_of(topic, fixture(topic))).values() if isinstance(v, datetime)]
    assert instants
    assert all(instant.utcoffset() == timedelta(0) for instant in instants)


@pytest.mark.parametrize(
    "topic", [topic for topic in TOPICS if issubclass(LedgerEvent.BY_TOPIC[topic], OrgEvent)]
)
def test_a_released_fact_of_an_org_never_stops_it(topic: str) -> None:
    """Whatever the org was before: evolving never decides and never raises."""
    fact = fact_of(topic, fixture(topic))
    assert org_of(fact.originator_id) is not None
    org = Org.blank(fact.originator_id)
    org.version = fact.originator_version - 1
    fact.mutate(org)
    assert org.version == fact.originator_version


def test_a_released_catalog_can_still_be_read() -> None:
    fact = fact_of(CatalogPublished.TOPIC, fixture(CatalogPublished.TOPIC))
    assert isinstance(fact, CatalogPublished)
    assert fact.originator_id == CATALOG_STREAM
    assert read_catalog(fact.document, version=fact.originator_version).version == 3


@of_every_topic
def test_a_stored_fact_holds_its_place_beside_its_body(topic: str) -> None:
    fact = fact_of(topic, fixture(topic))
    stored = FactMapper().to_stored_event(fact)
    assert stored == StoredEvent(
        originator_id=fact.originator_id,
        originator_version=fact.originator_version,
        topic=topic,
        state=fact_body(fact),
    )
    assert not PLACE & json.loads(stored.state).keys()
    assert FactMapper().to_domain_event(stored) == fact


@pytest.mark.parametrize(
    "topic",
    [
        "entitlements.ModuleGranted.v2",
        "entitlements.ModuleGranted",
        "domain.facts:ModuleGranted",
        "",
    ],
)
def test_a_fact_of_an_unknown_topic_is_named_and_not_guessed(topic: str) -> None:
    stored = StoredEvent(originator_id="org-7", originator_version=3, topic=topic, state=b"{}")
    with pytest.raises(UnknownFact, match="version 3 of stream 'org-7'") as unknown:
        FactMapper().to_domain_event(stored)
    assert (unknown.value.topic, unknown.value.stream, unknown.value.version) == (topic, "org-7", 3)


@pytest.mark.parametrize("more", [b"{}", b" x", b"]"])
def test_a_fact_with_more_after_its_end_is_damaged(more: bytes) -> None:
    """And is not read as what it was before."""
    topic = "entitlements.OrgRegistered.v1"
    kept = json.loads(fixture(topic))
    body = json.dumps(kept["body"]).encode()
    read_fact(kept["stream"], kept["version"], topic, body)
    with pytest.raises(ValueError, match="trailing characters"):
        read_fact(kept["stream"], kept["version"], topic, body + more)


def test_nothing_of_an_unknown_fact_is_read() -> None:
    """Its body may be of another form altogether."""
    with pytest.raises(UnknownFact):
        read_fact("org-7", 3, "entitlements.ModuleLeased.v1", b"\xff not JSON")
