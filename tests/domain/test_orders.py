"""What is kept with a command: the JSON that answers a repeat, whatever is in it."""

import json
from dataclasses import fields, replace
from typing import Any

import pytest

from domain.catalog import Key
from domain.ids import OrgId
from domain.orders import Answer

ANSWER = Answer(
    org=OrgId("1042"),
    org_version=3,
    first_position=None,
    event_ids=("0193b2c0-1111-7000-8000-00000000000a", "0193b2c0-1111-7000-8000-00000000000b"),
    topics=("entitlements.OrgRegistered.v1", "entitlements.ModuleGranted.v1"),
    changed=True,
    before={},
    after={Key("crm"): "enabled"},
    remaining_sources=(),
    warnings=("'Größe' is \"so\",\n% and %s as well.",),
)
KEPT = ("event_ids", "topics", "changed", "before", "after", "remaining_sources", "warnings")


@pytest.mark.parametrize("addendum", [None, False, 7, [], {}, {"rows": [1, ("a", None)], "%": 2.5}])
def test_an_answer_is_kept_as_plain_json(addendum: Any) -> None:
    """The bytes that `json.dumps` gives, as those of every release are."""
    answer = replace(ANSWER, addendum=addendum)
    whole = {name: getattr(answer, name) for name in (*KEPT, "addendum")}

    text = json.dumps(whole, separators=(",", ":"), ensure_ascii=False)

    assert answer.stored() == text.encode()


def test_a_kept_answer_answers_the_same() -> None:
    again = Answer.restored(ANSWER.org, ANSWER.stored(), version=3, first_position=None)
    assert again == ANSWER


def test_an_answer_that_was_placed_is_the_same_but_for_its_place() -> None:
    """No field may be forgotten, one that comes later included."""
    full = {field.name: f"the {field.name}" for field in fields(Answer)}
    answer = Answer(**full)  # type: ignore[arg-type]  # no two of them alike

    placed = answer.placed(version=4, first_position=9)

    assert placed == replace(answer, org_version=4, first_position=9)
