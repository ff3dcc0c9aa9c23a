"""Earlier versions of a fact are read in today's form, step by step, and the log stays as it is."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from domain.facts import LedgerEvent, OrgEvent, OrgRegistered
from domain.upcasts import Upcasts, known_topics
from infra.store.mapper import UnknownFact, fact_body, read_fact
from tests.domain.scenario import Scenario

V1, V2, V3 = (f"entitlements.SeatLeased.v{number}" for number in (1, 2, 3))


@pytest.fixture
def leased() -> Iterator[type[OrgEvent]]:
    """A fact in its third version, known for as long as a test runs."""

    class SeatLeased(OrgEvent):
        TOPIC = V3

        seats: int
        until_revoked: bool

    yield SeatLeased
    del LedgerEvent.BY_TOPIC[V3]


@pytest.fixture
def upcasts() -> Upcasts:
    """A second version that counts seats, and a third that says until when."""
    upcasts = Upcasts()
    upcasts.add(V2, to=V3, by=lambda body: body | {"until_revoked": True})
    upcasts.add(V1, to=V2, by=_counted)
    return upcasts


def _counted(body: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in body.items() if name != "names"} | {
        "seats": len(body["names"])
    }


def body(**content: Any) -> bytes:
    """What every fact carries, as a registered org has it, with other content."""
    scenario = Scenario()
    kept = json.loads(fact_body(scenario.facts[0]))
    del kept["name"]
    return json.dumps(kept | content).encode()


def test_the_first_version_is_read_as_the_newest(leased: type[OrgEvent], upcasts: Upcasts) -> None:
    stored = body(names=["ann", "bob"])
    fact: Any = read_fact("org-7", 3, V1, stored, upcasts=upcasts)
    assert (fact.seats, fact.until_revoked, fact.TOPIC) == (2, True, V3)
    assert type(fact) is leased
    assert (fact.originator_id, fact.originator_version) == ("org-7", 3)


def test_each_later_version_takes_the_steps_that_are_left(
    leased: type[OrgEvent], upcasts: Upcasts
) -> None:
    second: Any = read_fact("org-7", 3, V2, body(seats=5), upcasts=upcasts)
    third: Any = read_fact("org-7", 3, V3, body(seats=5, until_revoked=False), upcasts=upcasts)
    assert (second.until_revoked, third.until_revoked) == (True, False)


def test_without_its_step_an_earlier_version_is_unknown(leased: type[OrgEvent]) -> None:
    """A missing upcaster is told, never guessed around."""
    with pytest.raises(UnknownFact, match=V1):
        read_fact("org-7", 3, V1, body(names=["ann"]))


def test_a_step_whose_end_nobody_knows_is_unknown_too(upcasts: Upcasts) -> None:
    with pytest.raises(UnknownFact, match=V1):
        read_fact("org-7", 3, V1, body(names=["ann"]), upcasts=upcasts)


def test_a_topic_has_one_step_and_none_leads_back(upcasts: Upcasts) -> None:
    for topic, to in ((V1, V3), (V3, V1), (V3, V3)):
        with pytest.raises(ValueError, match=topic):
            upcasts.add(topic, to=to, by=dict)


def test_what_is_read_is_every_fact_and_its_earlier_versions() -> None:
    assert OrgRegistered.TOPIC in known_topics()
    assert V1 not in known_topics()
