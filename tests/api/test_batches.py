"""What a batch did, and undoing it over HTTP: previewed, once ever, and never at others' cost."""

from typing import Any

import httpx
import pytest

from tests.api.batches import bulk, new_batch, outcomes, soon
from tests.api.calls import REASON, command, status, version
from tests.live import LiveServer

pytestmark = pytest.mark.one_server


def show(client: httpx.Client, batch_id: str, **params: Any) -> httpx.Response:
    """What a batch did."""
    return client.get(f"/api/v1/batches/{batch_id}", params=params)


def undo(client: httpx.Client, batch_id: str, **body: Any) -> httpx.Response:
    """Undo it."""
    body.setdefault("reason", "The batch was a mistake.")
    return client.post(f"/api/v1/batches/{batch_id}/undo", json=body)


def items(answer: httpx.Response) -> list[list[tuple[str | None, str | None]]]:
    """For each org what was done to each item, or why nothing was."""
    assert answer.status_code == 200, answer.text
    return [
        [(item["undone"], item["skipped"]) for item in result["items"]]
        for result in answer.json()["results"]
    ]


@pytest.fixture
def applied(staff: httpx.Client, orgs: list[int]) -> str:
    """A batch that granted one org crm, and began a trial for another and blocked its hr."""
    batch_id = new_batch()
    rows = [
        {"org": orgs[0], "command": "grant", "key": "crm"},
        {"org": orgs[1], "command": "start-trial", "key": "crm", "until": soon()},
        {"org": orgs[1], "command": "block", "scope": "module", "key": "hr", "category": "abuse"},
    ]
    assert outcomes(bulk(staff, rows, batch_id=batch_id)) == ["changed"] * 3
    return batch_id


def test_a_batch_tells_what_it_did(staff: httpx.Client, orgs: list[int], applied: str) -> None:
    """At once, in sum and org by org."""
    body = show(staff, applied).json()

    assert (body["batch_id"], body["events"], body["org_count"]) == (applied, 3, 2)
    assert body["types"] == {
        "entitlements.AccessBlocked.v1": 1,
        "entitlements.ModuleGranted.v1": 1,
        "entitlements.TrialStarted.v1": 1,
    }
    assert body["last_position"] == body["first_position"] + 2
    assert body["started_at"] <= body["ended_at"]
    assert (body["actor"], body["reason"]) == ("root", REASON)
    assert [(entry["org_id"], entry["events"]) for entry in body["orgs"]] == [
        (orgs[0], 1),
        (orgs[1], 2),
    ]
    assert (body["undoes"], body["undone_by"], body["next"]) == (None, None, None)


def test_the_orgs_of_a_batch_come_in_pages(
    staff: httpx.Client, orgs: list[int], applied: str
) -> None:
    """Each once."""
    first = show(staff, applied, limit=1).json()
    second = show(staff, applied, limit=1, after=first["next"]).json()
    last = show(staff, applied, limit=1, after=second["next"]).json()

    seen = [entry["org_id"] for page in (first, second, last) for entry in page["orgs"]]
    assert seen == orgs[:2]
    assert last["next"] is None


@pytest.mark.parametrize("name", ["no-such-batch", "undo-no-such-batch"])
def test_a_batch_that_never_was_is_a_404(staff: httpx.Client, name: str) -> None:
    """To look at and to undo; what cannot be one is a 422."""
    for answer in (show(staff, name), undo(staff, name), undo(staff, name, dry_run=True)):
        assert (answer.status_code, answer.json()["code"]) == (404, "unknown_batch")
    assert show(staff, "a b").json()["code"] == "invalid_batch_id"
    assert show(staff, "undo-" * 30 + name).json()["code"] == "invalid_batch_id"


def test_a_batch_is_undone_and_the_undo_undone(
    staff: httpx.Client, orgs: list[int], applied: str
) -> None:
    """Each is a batch that tells what it did, who asked for it, and what it undid."""
    one, two, _ = orgs

    undone = undo(staff, applied, ticket="T-9")

    assert items(undone) == [[("ended", None)], [("ended", None), ("lifted", None)]]
    assert (undone.json()["batch_id"], undone.json()["undone"]) == (f"undo-{applied}", 3)
    assert [status(staff, one, "crm"), status(staff, two, "crm")] == ["disabled", "disabled"]
    assert show(staff, applied).json()["undone_by"] == f"undo-{applied}"
    shown = show(staff, f"undo-{applied}").json()
    assert (shown["undoes"], shown["ticket"], shown["actor"]) == (applied, "T-9", "root")
    assert shown["reason"] == "The batch was a mistake."

    redone = undo(staff, f"undo-{applied}")

    assert items(redone) == [[("reopened", None)], [("reopened", None), ("raised", None)]]
    assert [status(staff, one, "crm"), status(staff, two, "crm")] == ["enabled", "trial"]
    assert status(staff, two, "hr") == "disabled"
    assert show(staff, f"undo-{applied}").json()["undone_by"] == f"undo-undo-{applied}"


def test_an_undo_acts_once(staff: httpx.Client, orgs: list[int], applied: str) -> None:
    """Asked again it answers what it did, even for another reason."""
    first = undo(staff, applied).json()
    command(staff, orgs[0], "grant", key="crm")

    again = undo(staff, applied, reason="asked for once more").json()

    assert [result["outcome"] for result in again["results"]] == ["known", "known"]
    for name in ("items", "positions", "org_version"):
        assert [r[name] for r in again["results"]] == [r[name] for r in first["results"]]
    assert status(staff, orgs[0], "crm") == "enabled"


def test_what_somebody_changed_since_is_left_alone(
    live: LiveServer, staff: httpx.Client, orgs: list[int]
) -> None:
    """A revoked grant, an extended trial, a slot that was taken: each is told, the rest undone."""
    one, two, three = orgs
    command(staff, three, "grant", key="crm")
    batch_id = new_batch()
    rows = [
        {"org": one, "command": "grant", "key": "crm"},
        {"org": one, "command": "grant", "key": "erp"},
        {"org": two, "command": "start-trial", "key": "crm", "until": soon()},
        {"org": three, "command": "revoke", "key": "crm"},
        {"org": three, "command": "grant", "key": "hr"},
    ]
    bulk(staff, rows, batch_id=batch_id)
    other = live.as_role("super_admin", sub="another admin")
    command(other, one, "revoke", key="crm")
    command(other, two, "extend-trial", key="crm", by_days=5)
    command(other, three, "grant", key="crm")
    stays = version(staff, two)

    answer = undo(staff, batch_id)

    assert items(answer) == [
        [(None, "moved_since"), ("ended", None)],
        [(None, "moved_since")],
        [(None, "slot_taken"), ("ended", None)],
    ]
    assert answer.json()["skipped"] == {"moved_since": 2, "slot_taken": 1}
    assert [r["outcome"] for r in answer.json()["results"]] == ["changed", "unchanged", "changed"]
    assert version(staff, two) == stays
    assert [status(staff, org, "crm") for org in orgs] == ["disabled", "trial", "enabled"]
    assert [status(staff, one, "erp"), status(staff, three, "hr")] == ["disabled", "disabled"]


def test_a_preview_of_an_undo_changes_nothing_and_its_plan_applies(
    staff: httpx.Client, orgs: list[int], applied: str
) -> None:
    """Unless something it read has moved: then 409, and nothing is written."""
    preview = undo(staff, applied, dry_run=True).json()
    again = undo(staff, applied, dry_run=True).json()
    assert status(staff, orgs[0], "crm") == "enabled"
    assert again == preview

    command(staff, orgs[1], "grant", key="erp")
    moved = undo(staff, applied, plan_token=preview["plan_token"])
    assert (moved.status_code, moved.json()["code"]) == (409, "plan_moved")
    assert status(staff, orgs[0], "crm") == "enabled"

    token = undo(staff, applied, dry_run=True).json()["plan_token"]
    assert items(undo(staff, applied, plan_token=token)) == [
        [(item["undone"], item["skipped"]) for item in result["items"]]
        for result in preview["results"]
    ]
    assert status(staff, orgs[0], "crm") == "disabled"


def test_an_undo_can_answer_only_what_wants_a_look(
    staff: httpx.Client, orgs: list[int], applied: str
) -> None:
    """The counts are those of all."""
    command(staff, orgs[1], "unblock", scope="module", key="hr", category="abuse")

    answer = staff.post(
        f"/api/v1/batches/{applied}/undo",
        params={"results": "failures"},
        json={"reason": "The batch was a mistake."},
    ).json()

    assert (answer["orgs"], answer["undone"]) == (2, 2)
    assert [result["org"] for result in answer["results"]] == [orgs[1]]


def test_an_undo_needs_a_reason(staff: httpx.Client, applied: str) -> None:
    """As every command does."""
    assert undo(staff, applied, reason="short").json()["code"] == "invalid_reason"
    assert staff.post(f"/api/v1/batches/{applied}/undo", json={}).status_code == 422
