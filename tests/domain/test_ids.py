"""How orgs are named, what their streams are called, and ids that sort by time."""

import copy
import os
import pickle
from datetime import UTC, datetime
from uuid import UUID

import pytest

from domain.ids import (
    CATALOG_STREAM,
    OrgId,
    org_id,
    org_json,
    org_of,
    org_stream,
    uuid7,
    uuid7_hex,
    uuid_text,
)
from domain.refusals import InvalidOrgId
from tests.domain.world import noon


@pytest.mark.parametrize(
    "raw", ["1", "42", "9" * 15, "acme", "Acme-Ltd", "a.b_c-d", "7up", "1.5", "x" * 64, "9a"]
)
def test_an_org_is_named_by_letters_digits_and_a_few_signs(raw: str) -> None:
    assert org_id(raw) == raw


@pytest.mark.parametrize(
    "raw",
    ["", "0", "007", "9" * 16, "-1", ".a", "_a", "a b", "a/b", "ä", "x" * 65, "acme\n", "١٢"],
)
def test_nothing_else_names_an_org(raw: str) -> None:
    with pytest.raises(InvalidOrgId) as refused:
        org_id(raw)
    assert refused.value.code == "invalid_org_id"


def test_a_number_names_an_org_as_its_digits_do() -> None:
    assert org_id(1042) == org_id("1042")


@pytest.mark.parametrize("raw", [0, -1, 10**15])
def test_a_number_beyond_what_clients_hold_names_none(raw: int) -> None:
    with pytest.raises(InvalidOrgId):
        org_id(raw)


@pytest.mark.parametrize(("org", "json"), [("1042", 1042), ("acme", "acme"), ("7up", "7up")])
def test_only_digits_are_an_integer_in_json(org: str, json: int | str) -> None:
    assert org_json(OrgId(org)) == json


def test_a_stream_belongs_to_its_org() -> None:
    assert org_stream(OrgId("1042")) == "org-1042"
    assert org_of(org_stream(OrgId("org-1"))) == "org-1"
    assert org_of(CATALOG_STREAM) is None


def test_an_event_id_is_a_uuid_of_version_7_at_its_millisecond() -> None:
    event_id = uuid7(noon)
    assert (event_id.version, event_id.variant) == (7, "specified in RFC 4122")
    assert event_id.int >> 80 == noon.timestamp() * 1000


def test_an_event_id_is_a_uuid_like_any_other() -> None:
    """However it was made: the same when it is read again, copied or pickled."""
    event_id = uuid7(noon)

    assert [UUID(str(event_id)), copy.deepcopy(event_id), pickle.loads(pickle.dumps(event_id))] == [  # noqa: S301 - our own
        event_id
    ] * 3
    assert event_id.is_safe is UUID(int=0).is_safe


@pytest.mark.parametrize("value", [UUID(int=0), UUID(int=1), UUID(int=2**128 - 1), uuid7(noon)])
def test_an_id_is_written_as_everybody_writes_it(value: UUID) -> None:
    assert uuid_text(value) == str(value)


def test_event_ids_sort_by_time_and_never_repeat() -> None:
    at_once = {uuid7(noon) for _ in range(1000)}
    assert len(at_once) == 1000
    assert max(at_once) < uuid7(datetime(2026, 3, 2, 12, 0, 0, 1000, tzinfo=UTC))


def test_the_hexadecimal_digits_are_those_of_an_event_id() -> None:
    again = UUID(hex=uuid7_hex(noon))
    assert (again.version, again.variant) == (7, "specified in RFC 4122")
    assert again.int >> 80 == noon.timestamp() * 1000


def test_no_two_ids_are_alike_though_their_chance_is_drawn_ahead() -> None:
    made = {uuid7(noon) for _ in range(3_000)} | {UUID(uuid7_hex(noon)) for _ in range(3_000)}
    assert len(made) == 6_000


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_process_that_was_forked_makes_other_ids_than_its_parent() -> None:
    uuid7(noon)  # what was drawn ahead lies ready from now on
    reading, writing = os.pipe()
    if (child := os.fork()) == 0:
        os.write(writing, uuid7(noon).bytes)
        os._exit(0)
    os.waitpid(child, 0)
    of_the_child = UUID(bytes=os.read(reading, 16))
    os.close(reading)
    os.close(writing)
    assert of_the_child not in {uuid7(noon) for _ in range(1_000)}
