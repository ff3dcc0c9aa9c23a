"""Batches over HTTP: rows in either form, a result for each, whole for each org and once ever."""

import csv
import io
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.api.batches import bulk, bulk_csv, line, new_batch, outcomes, soon
from tests.api.calls import REASON, command, status, version
from tests.live import LiveServer

pytestmark = pytest.mark.one_server


def test_rows_of_many_orgs_are_applied_and_each_has_a_result(
    staff: httpx.Client, orgs: list[int]
) -> None:
    """In the order of the file, with versions and positions as a single command has them."""
    one, two, _ = orgs
    rows = [
        {"org": one, "command": "grant", "key": "crm"},
        {"org": two, "command": "start-trial", "key": "hr", "until": soon()},
        {"org": one, "command": "set-submodule", "key": "crm.lead_management", "enabled": False},
        {"org": one, "command": "revoke", "key": "erp"},
    ]

    body = bulk(staff, rows).json()

    assert (body["rows"], body["changed"], body["unchanged"], body["refused"]) == (4, 3, 1, 0)
    assert [r["row"] for r in body["results"]] == [1, 2, 3, 4]
    assert [r["outcome"] for r in body["results"]] == ["changed", "changed", "changed", "unchanged"]
    assert [r["org_version"] for r in body["results"]] == [3, 2, 3, 3]
    first, _, third, last = (r["positions"] for r in body["results"])
    assert third == [first[0] + 1]
    assert last == []
    assert (status(staff, one, "crm"), status(staff, two, "hr")) == ("enabled", "trial")
    assert (version(staff, one), version(staff, two)) == (3, 2)


def test_every_row_is_recorded_with_its_own_reason_or_that_of_all(
    staff: httpx.Client, orgs: list[int]
) -> None:
    """And with the caller as the actor, the batch, and its ticket."""
    batch_id = new_batch()
    rows = [
        {"org": orgs[0], "command": "grant", "key": "crm", "reason": "a reason of its own"},
        {"org": orgs[0], "command": "grant", "key": "erp", "ticket": "T-2"},
    ]
    bulk(staff, rows, batch_id=batch_id, ticket="T-1")

    asked = {"batch": batch_id, "order": "oldest"}
    events = staff.get("/api/v1/audit/events", params=asked).json()["events"]

    assert [event["reason"] for event in events] == ["a reason of its own", REASON]
    assert [event["ticket"] for event in events] == ["T-1", "T-2"]
    assert {(event["actor"], event["batch_id"]) for event in events} == {("root", batch_id)}


def test_csv_says_the_same_as_json_lines(staff: httpx.Client, orgs: list[int]) -> None:
    """Empty cells are absent fields, text is what single commands take, a mark begins the file."""
    one, two, three = orgs
    table = io.StringIO()
    writer = csv.writer(table)
    writer.writerow(["org", "command", "key", "until", "by_days", "enabled", "reason"])
    writer.writerow(
        [one, "grant", "crm", soon(), "", "", '=1+1, said "the customer"\nin two lines']
    )
    writer.writerow([two, "start-trial", "HR", soon(), "", "", ""])
    writer.writerow([two, "extend-trial", "hr", "", "3", "", ""])
    writer.writerow([one, "set-submodule", "crm.orders", "", "", "FALSE", ""])
    writer.writerow([three, "suspend", "", "", "", "", ""])
    batch_id = new_batch()

    answer = bulk_csv(staff, b"\xef\xbb\xbf" + table.getvalue().encode(), batch_id=batch_id)

    assert outcomes(answer) == ["changed"] * 5, answer.text
    asked = {"batch": batch_id, "org": str(one), "order": "oldest"}
    events = staff.get("/api/v1/audit/events", params=asked).json()["events"]
    assert events[0]["reason"] == '=1+1, said "the customer"\nin two lines'
    again = bulk(
        staff,
        [{"org": three, "command": "suspend"}],
        batch_id=batch_id,
    )
    assert outcomes(again) == ["known"]  # the same rows, whichever way they are written


def test_a_refused_row_keeps_back_its_org_and_no_other(
    staff: httpx.Client, orgs: list[int]
) -> None:
    """Refused by the ledger, by a body, or because the org is not there."""
    one, two, three = orgs
    rows = [
        {"org": one, "command": "grant", "key": "crm"},
        {"org": one, "command": "extend-trial", "key": "hr", "by_days": 3},
        {"org": two, "command": "grant", "key": "crm"},
        {"org": two, "command": "grant", "key": "erp", "until": "tomorrow"},
        {"org": three, "command": "grant", "key": "crm"},
        {"org": 987_654, "command": "grant", "key": "crm"},
        {"org": three, "command": "grant", "key": "erp"},
    ]

    body = bulk(staff, rows).json()

    codes = {result["row"]: result.get("code") for result in body["results"]}
    assert codes == {
        1: "org_refused",
        2: "trial_not_running",
        3: "org_refused",
        4: "invalid_request",
        5: None,
        6: "unknown_org",
        7: None,
    }
    assert (body["changed"], body["refused"]) == (2, 5)
    by_row = {result["row"]: result for result in body["results"]}
    assert "Row 2" in by_row[1]["message"]
    assert "until: give an instant with its offset" in by_row[4]["message"]
    assert [version(staff, org) for org in orgs] == [1, 1, 3]


@pytest.mark.parametrize(
    ("row", "code", "words"),
    [
        ({"command": "grant", "key": "crm"}, "invalid_request", "org"),
        ({"org": True, "command": "grant", "key": "crm"}, "invalid_request", "org"),
        ({"org": "007", "command": "grant", "key": "crm"}, "invalid_org_id", "007"),
        ({"org": "BAD", "command": "fly", "key": "crm"}, "unknown_command", "apply-bundle"),
        ({"org": "BAD", "key": "crm"}, "unknown_command", "None"),
        ({"org": "BAD", "command": "grant"}, "invalid_request", "key: Field required"),
        ({"org": "BAD", "command": "suspend", "key": "crm"}, "invalid_request", "key"),
        (
            {"org": "BAD", "command": "grant", "key": "crm", "dry_run": True},
            "invalid_request",
            "once",
        ),
        (
            {"org": "BAD", "command": "grant", "key": "crm", "reason": "short"},
            "invalid_reason",
            "10",
        ),
        ({"org": "BAD", "command": "grant", "key": "crn"}, "unknown_key", "crm"),
        ({"org": "BAD", "command": "apply-bundle", "bundle": "none"}, "unknown_bundle", "none"),
    ],
)
def test_a_row_that_makes_no_sense_is_named(
    staff: httpx.Client, org: int, row: dict[str, Any], code: str, words: str
) -> None:
    """By its number and its field, while the others are applied."""
    bad = row | ({"org": 10_000 + org} if row.get("org") == "BAD" else {})
    if code in ("unknown_key", "unknown_bundle"):
        body = {"id": 10_000 + org, "name": "Bad", "reason": REASON}
        assert staff.post("/api/v1/admin/orgs", json=body).status_code == 201

    results = bulk(staff, [bad, {"org": org, "command": "grant", "key": "crm"}]).json()["results"]

    assert (results[0]["row"], results[0]["outcome"], results[0]["code"]) == (1, "refused", code)
    assert words in results[0]["message"]
    assert results[1]["outcome"] == "changed"


@pytest.mark.parametrize(
    ("content", "code", "words"),
    [
        ("", "malformed_rows", "no row"),
        ("org,command,key\n", "malformed_rows", "no row"),
        ("org,command,kee\n{org},grant,crm\n", "unknown_column", "'kee'"),
        ("org;command;key\n{org};grant;crm\n", "unknown_column", "org;command;key"),
        ("org,command,dry_run\n{org},suspend,true\n", "unknown_column", "dry_run"),
        ("org,command,key,key\n{org},grant,crm,erp\n", "malformed_rows", "twice"),
        ("org,command,key\n{org},grant,crm\n{org},grant\n", "malformed_rows", "Row 2"),
        ("org,command,key\n{org},grant,crm\n{org},grant,erp,x\n", "malformed_rows", "Row 2"),
        ('org,command,key\n{org},grant,crm\n{org},grant,"erp', "malformed_rows", "Line 3"),
    ],
)
def test_what_is_no_csv_is_refused_whole(
    staff: httpx.Client, org: int, content: str, code: str, words: str
) -> None:
    """Also what could be read of it is not applied."""
    answer = bulk_csv(staff, content.replace("{org}", str(org)))

    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert words in answer.json()["detail"]
    assert version(staff, org) == 1


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"[1]", "Row 2"),
        (b'{"org": 1', "Row 2"),
        (b"[" * 200_000, "Row 2"),
        (b'{"org": 1, "org": 2, "command": "suspend"}', "twice"),
        (b'{"org": "\\ud800", "command": "suspend"}', "surrogate"),
        (b"\xff", "UTF-8"),
    ],
)
def test_what_is_no_json_lines_is_refused_whole(
    staff: httpx.Client, org: int, content: bytes, words: str
) -> None:
    """Also what could be read of it is not applied."""
    good = line({"org": org, "command": "grant", "key": "crm"})

    answer = bulk(staff, good + b"\n" + content)

    assert (answer.status_code, answer.json()["code"]) == (422, "malformed_rows")
    assert words in answer.json()["detail"]
    assert version(staff, org) == 1


def test_ten_thousand_rows_are_the_most(staff: httpx.Client, org: int) -> None:
    """One more, and nothing is done; blank lines are no rows."""
    row = line({"org": org, "command": "revoke", "key": "crm"}) + b"\n"

    refused = bulk(staff, row * 10_001)
    taken = bulk(staff, row * 10_000, results="failures")

    assert (refused.status_code, refused.json()["code"]) == (422, "too_many_rows")
    assert (taken.status_code, taken.json()["unchanged"]) == (200, 10_000)
    assert taken.json()["results"] == []


def _too_large() -> Iterator[bytes]:
    for _ in range(9):
        yield b" " * (1 << 20)


def test_a_batch_may_have_eight_mebibytes(staff: httpx.Client, org: int) -> None:
    """More than any other body, and no more than that, announced or not."""
    row = line({"org": org, "command": "grant", "key": "crm"})

    assert outcomes(bulk(staff, b"\n" * (7 << 20) + row)) == ["changed"]
    for content in (b"\n" * (9 << 20), _too_large()):
        answer = staff.post(
            "/api/v1/commands/bulk", content=content, headers={"Content-Type": "text/csv"}
        )
        assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"reason": "short"}, "invalid_reason"),
        ({"batch_id": "short"}, "invalid_batch_id"),
        ({"batch_id": "has a space in it"}, "invalid_batch_id"),
        ({"batch_id": "undo-of-something"}, "invalid_batch_id"),
        ({"dryrun": "true"}, "invalid_request"),
        ({"results": "some"}, "invalid_request"),
        ({"plan_token": "made-up"}, "plan_mismatch"),
    ],
)
def test_terms_that_make_no_sense_are_refused(
    staff: httpx.Client, org: int, params: dict[str, str], code: str
) -> None:
    """A misspelt `dry_run` must not apply anything."""
    answer = bulk(staff, [{"org": org, "command": "grant", "key": "crm"}], **params)

    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert version(staff, org) == 1


def test_rows_without_any_reason_are_refused(staff: httpx.Client, org: int) -> None:
    """Each must have one, of its own or of all."""
    rows = [{"org": org, "command": "grant", "key": "crm"}]

    (result,) = bulk(staff, rows, reason=None).json()["results"]

    assert (result["code"], result["message"]) == ("invalid_request", "reason: Field required")


def test_another_form_is_told_how_to_be_sent(staff: httpx.Client) -> None:
    """What `curl -d` sends."""
    answer = staff.post("/api/v1/commands/bulk", data={"org": "1"})

    assert (answer.status_code, answer.json()["code"]) == (422, "unknown_format")
    assert "--data-binary" in answer.json()["hint"]


def test_the_same_batch_again_goes_on_where_it_stopped(
    staff: httpx.Client, orgs: list[int]
) -> None:
    """Orgs that were done answer as then; one that was refused and mended is done now."""
    one, two, _ = orgs
    batch_id = new_batch()
    good = {"org": one, "command": "grant", "key": "crm"}
    bad = {"org": two, "command": "extend-trial", "key": "hr", "by_days": 3}
    first = bulk(staff, [good, bad], batch_id=batch_id).json()
    command(staff, one, "revoke", key="crm")

    mended = {"org": two, "command": "start-trial", "key": "hr", "until": soon()}
    again = bulk(staff, [mended, good], batch_id=batch_id).json()

    assert [r["outcome"] for r in first["results"]] == ["changed", "refused"]
    assert [r["outcome"] for r in again["results"]] == ["changed", "known"]
    assert (again["known"], again["changed"]) == (1, 1)
    assert again["results"][1]["positions"] == first["results"][0]["positions"]
    assert again["results"][1]["org_version"] == first["results"][0]["org_version"]
    assert status(staff, one, "crm") == "disabled"


def test_other_rows_for_an_org_under_the_same_id_are_refused(
    staff: httpx.Client, orgs: list[int]
) -> None:
    """And only for that org."""
    one, two, _ = orgs
    batch_id = new_batch()
    bulk(staff, [{"org": one, "command": "grant", "key": "crm"}], batch_id=batch_id)

    rows = [{"org": org, "command": "grant", "key": "erp"} for org in (one, two)]
    refused, changed = bulk(staff, rows, batch_id=batch_id).json()["results"]

    assert (refused["outcome"], refused["code"]) == ("refused", "idempotency_key_reused")
    assert batch_id in refused["message"]
    assert changed["outcome"] == "changed"
    assert status(staff, one, "erp") == "disabled"


def test_a_preview_answers_the_same_and_its_plan_applies(
    staff: httpx.Client, orgs: list[int]
) -> None:
    """Nothing is written before, and the refused row is refused again."""
    one, two, three = orgs
    rows = [
        {"org": one, "command": "grant", "key": "crm"},
        {"org": two, "command": "extend-trial", "key": "hr", "by_days": 3},
        {"org": three, "command": "revoke", "key": "crm"},
    ]
    preview = bulk(staff, rows, dry_run=True).json()
    assert [version(staff, org) for org in orgs] == [1, 1, 1]

    done = bulk(staff, rows, plan_token=preview["plan_token"]).json()

    assert preview["dry_run"] is True
    expected = ["changed", "refused", "unchanged"]
    for body in (preview, done):
        assert [result["outcome"] for result in body["results"]] == expected
        assert [result["org_version"] for result in body["results"]] == [2, None, 1]
    assert [version(staff, org) for org in orgs] == [2, 1, 1]


def test_a_plan_is_refused_when_anything_it_read_has_moved(
    staff: httpx.Client, orgs: list[int]
) -> None:
    """409, and not even the orgs that stayed as they were are changed."""
    rows = [{"org": org, "command": "grant", "key": "crm"} for org in orgs]
    token = bulk(staff, rows, dry_run=True).json()["plan_token"]
    command(staff, orgs[2], "grant", key="erp")

    answer = bulk(staff, rows, plan_token=token)

    assert (answer.status_code, answer.json()["code"]) == (409, "plan_moved")
    assert [version(staff, org) for org in orgs] == [1, 1, 2]


def test_a_service_held_to_an_org_may_not(live: LiveServer, org: int) -> None:
    """Not even for its own org; one that is held to none may."""
    rows = [{"org": org, "command": "grant", "key": "crm"}]

    assert bulk(live.as_role("service", org=str(org)), rows).status_code == 403
    assert outcomes(bulk(live.as_role("service"), rows)) == ["changed"]


@pytest.mark.parametrize("header", [{"Idempotency-Key": "key-of-a-batch"}, {"If-Match": '"v1"'}])
def test_a_header_that_governs_one_command_is_refused(
    staff: httpx.Client, org: int, header: dict[str, str]
) -> None:
    """Rather than not heeded: who sends it counts on it."""
    row = line({"org": org, "command": "grant", "key": "crm"})
    refused = staff.post(
        "/api/v1/commands/bulk",
        params={"reason": REASON},
        content=row,
        headers={"Content-Type": "application/x-ndjson"} | header,
    )
    assert (refused.status_code, refused.json()["code"]) == (422, "header_not_heeded")
    assert "batch_id" in refused.text
    assert outcomes(bulk(staff, row)) == ["changed"]
