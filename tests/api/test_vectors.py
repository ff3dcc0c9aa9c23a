"""The decision vectors hold for the server, from an org's lanes and from a snapshot alone."""

import json
from typing import Any

import pytest

from domain.decision import (
    DENIED,
    DISABLED_BY,
    ENABLED,
    EXEMPT,
    TRIAL,
    UNKNOWN_KEY,
    UNKNOWN_ORG,
    has_permission,
    judge,
    may_act_in,
)
from domain.ids import OrgId, org_id
from tests.api.vectors import ASKED, FILE, Asked, answered, written

SAID = json.loads(FILE.read_text(encoding="utf-8"))


def test_the_file_is_what_the_server_makes_of_it() -> None:
    """`python -m tests.api.vectors` writes it anew; a difference is a change of the contract."""
    assert FILE.read_text(encoding="utf-8") == written()


@pytest.mark.parametrize("asked", ASKED, ids=lambda asked: asked.name)
def test_a_question_comes_to_what_it_must(asked: Asked) -> None:
    """The verdicts that are said by hand."""
    found = answered(asked)
    if not asked.code:
        assert found is None
        return
    assert found is not None
    answer = found["answer"]
    assert (answer["code"], answer["denied_by"]) == (asked.code, asked.denied_by)
    assert answer["allowed"] is (asked.denied_by is None)
    assert answer["status"] == asked.status
    assert (answer["would_deny"], answer["bypassable"]) == (asked.would_deny, asked.bypassable)


def from_snapshot(vector: dict[str, Any]) -> Any:
    """The verdict, by what a snapshot and the catalog say; None where nobody knows."""
    catalog, asked = SAID["catalogs"][vector["catalog"]], vector["question"]
    snapshot = SAID["snapshots"].get(vector["snapshot"])
    spelt = asked["key"].lower()
    key = spelt if spelt in catalog["keys"] else catalog["aliases"].get(spelt)
    boundary = None if snapshot is None else snapshot["next_boundary"]
    if boundary is not None and asked["at"] >= boundary:
        return None
    if key is None:
        return judge(UNKNOWN_KEY)
    exempt = catalog["keys"][key]["kind"] != "billable"
    state = "unknown" if snapshot is None else snapshot["states"][key]
    if exempt and state != "disabled":
        cell = EXEMPT
    elif snapshot is None:
        cell = UNKNOWN_ORG
    elif state == "disabled":
        cell = DENIED[snapshot["denied_by"][key]]
    else:
        cell = ENABLED if state == "enabled" else TRIAL
    gating = (snapshot or vector["absent"])["gating"]
    own = asked["org"]
    return judge(
        cell,
        gating["modules"].get(key.partition(".")[0], gating["default"]),
        asked["role"] == "super_admin",
        has_permission(
            asked["permission"],
            role=asked["role"],
            permissions=asked["permissions"],
            role_permissions=catalog["role_permissions"],
        ),
        may_act_in(
            OrgId(str(asked["org_id"])),
            role=asked["role"],
            own=None if own is None else org_id(own),
        ),
    )


@pytest.mark.parametrize("vector", SAID["vectors"], ids=lambda vector: vector["name"])
def test_a_snapshot_alone_gives_the_same(vector: dict[str, Any]) -> None:
    """What the SDK has to go by is enough."""
    verdict = from_snapshot(vector)
    if verdict is None:
        assert vector["answer"] is None
    else:
        answer = vector["answer"]
        assert verdict._asdict() == {name: answer[name] for name in verdict._fields}
        assert (vector["http"] is None) is verdict.allowed


def test_every_way_to_be_denied_and_every_case_is_asked_about() -> None:
    """A reason without a vector could go wrong unseen."""
    answers = [vector["answer"] for vector in SAID["vectors"] if vector["answer"]]
    assert {answer["denied_by"] for answer in answers} == {None, "permission", *DISABLED_BY}
    assert {answer["code"] for answer in answers} == {
        "entitled",
        "exempt",
        "gating_off",
        "gating_shadow",
        "entitlement_denied",
        "permission_denied",
        "org_mismatch",
    }
    cases = {entry["case"] for entry in [*SAID["vectors"], *SAID["batches"]]}
    assert {1, 2, 16, 25, 30} <= cases


@pytest.mark.parametrize("batch", SAID["batches"], ids=lambda batch: batch["name"])
def test_a_batch_is_judged_at_one_instant(batch: dict[str, Any]) -> None:
    """Case 16: all of it before a trial's end, or none of it."""
    answers = [answer for answer in batch["answers"] if answer is not None]
    assert len(answers) in (0, len(batch["keys"]))
    assert len({answer["evaluated_at"] for answer in answers}) <= 1
    for key, answer in zip(batch["keys"], batch["answers"], strict=True):
        alone = {**batch, "question": {**batch["question"], "key": key, "permission": None}}
        alone["question"]["org_id"] = 1042
        verdict = from_snapshot(alone)
        assert (verdict is None) == (answer is None)
        if answer is not None:
            assert verdict._asdict() == {name: answer[name] for name in verdict._fields}
