"""The shared decision vectors hold for the SDK, and so do the bodies its guards answer with."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from entitlements_sdk import Entitlements, Principal, UnknownKeys
from entitlements_sdk.bodies import denial
from entitlements_sdk.catalog import Catalog
from entitlements_sdk.instants import seconds_of
from tests.sdk.fakes import HandClock, Told

SAID = json.loads(
    Path(__file__).parents[1].joinpath("fixtures", "decisions.json").read_text(encoding="utf-8")
)
TTL = 300.0
FIELDS = (
    "allowed",
    "status",
    "denied_by",
    "code",
    "decision_id",
    "org_version",
    "catalog_version",
    "rollout_version",
    "evaluated_at",
    "stale",
    "would_deny",
    "bypassable",
)

pytestmark = pytest.mark.anyio


class Scene(httpx.AsyncBaseTransport):
    """A ledger that has one snapshot, until it is gone."""

    def __init__(self, vector: dict[str, Any]) -> None:
        self.catalog = SAID["catalogs"][vector["catalog"]]
        self.snapshot = SAID["snapshots"].get(vector["snapshot"])
        self.absent = vector.get("absent")
        self.gone = False
        told: dict[str, Any] = self.snapshot or vector["absent"]
        self.told_at = seconds_of(told["evaluated_at"])

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if self.gone:
            raise httpx.ConnectError("gone")
        if request.url.path.endswith("/catalog"):
            return httpx.Response(200, json=self.catalog)
        if self.snapshot is None:
            return httpx.Response(404, json={"code": "unknown_org", **(self.absent or {})})
        return httpx.Response(200, json=self.snapshot, headers={"ETag": '"v1.x"'})


@asynccontextmanager
async def asked_at(vector: dict[str, Any]) -> AsyncIterator[Entitlements]:
    """A client that read the scene when it was made, and is asked at the vector's instant."""
    scene, clock, told = Scene(vector), HandClock(), Told()
    at = seconds_of(vector["question"]["at"])
    async with Entitlements(
        "http://ledger",
        token="t",
        ttl_seconds=TTL,
        follower=told,
        transport=scene,
        clock=clock.ledger_clock(),
    ) as entitlements:
        ears = await told.ears()
        ears.told_time(min(scene.told_at, at))
        await entitlements.warm([1042])
        ears.told_time(at)
        scene.gone = True
        yield entitlements


def who(asked: dict[str, Any]) -> Principal:
    """The caller of a question."""
    return Principal(
        "u1", role=asked["role"], org_id=asked["org"], permissions=tuple(asked["permissions"])
    )


@pytest.mark.parametrize("vector", SAID["vectors"], ids=lambda vector: vector["name"])
async def test_a_question_comes_to_what_the_ledger_says(vector: dict[str, Any]) -> None:
    asked, answer, http = vector["question"], vector["answer"], vector["http"]
    async with asked_at(vector) as entitlements:
        decision = await entitlements.check(
            asked["org_id"], asked["key"], asked["permission"], who(asked)
        )
        quick = entitlements.allowed_at_once("1042", asked["key"], asked["permission"], who(asked))
    plain = decision.would_deny is None and asked["key"].islower()
    assert quick is (decision.allowed and plain)
    if answer is None:
        assert decision.unavailable
        assert not decision.allowed
        assert decision.denied_by is None
        return
    said = decision.as_json()
    assert {name: said[name] for name in FIELDS} == {name: answer[name] for name in FIELDS}
    if answer["not_after"] is not None and decision.not_after is not None:
        assert decision.not_after <= answer["not_after"]
    assert (http is None) is decision.allowed
    if http is not None:
        body = {"detail": denial(decision)}
        assert json.dumps(body) == json.dumps(http["body"])


@pytest.mark.parametrize("batch", SAID["batches"], ids=lambda batch: batch["name"])
async def test_keys_asked_at_one_instant_are_judged_at_one_instant(batch: dict[str, Any]) -> None:
    """Case 16: the same answers as the ledger's batch, each with the same `evaluated_at`.

    Where the snapshot must not be used any more, exempt keys need none.
    """
    async with asked_at(batch) as entitlements:
        principal = who(batch["question"])
        found = [await entitlements.check(1042, key, None, principal) for key in batch["keys"]]
    for decision, answer in zip(found, batch["answers"], strict=True):
        if answer is None:
            assert decision.unavailable or decision.code == "exempt"
        else:
            said = decision.as_json()
            assert {name: said[name] for name in FIELDS} == {name: answer[name] for name in FIELDS}


@pytest.mark.parametrize("guards", SAID["guards"], ids=lambda guards: guards["name"])
async def test_guarded_keys_must_be_in_the_catalog(guards: dict[str, Any]) -> None:
    """Case 25: any spelling that the catalog knows, and nothing else."""
    catalog = Catalog(SAID["catalogs"][guards["catalog"]])
    unknown: list[str] = []
    try:
        catalog.require({key: ["a route"] for key in guards["keys"]})
    except UnknownKeys as error:
        unknown = list(error.found)
    assert unknown == guards["unknown"]
