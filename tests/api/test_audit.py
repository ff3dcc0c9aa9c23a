"""The audit log over HTTP: found by any mark, either way round, exported, itself recorded."""

import csv
import io
import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from tests.api.calls import command
from tests.live import LiveServer


def find(client: httpx.Client, **marks: Any) -> dict[str, Any]:
    """A page of events."""
    answer = client.get("/api/v1/audit/events", params=marks)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def eventually(found: Callable[[], list[Any]], *, count: int) -> list[Any]:
    """What is found, once the following view has come that far."""
    rows: list[Any] = []
    for _ in range(500):
        rows = found()
        if len(rows) >= count:
            return rows
        time.sleep(0.02)
    raise AssertionError(f"never came to {count}: {rows}")


def test_an_orgs_events_are_found_newest_first(staff: httpx.Client, org: int) -> None:
    """With who, why and what."""
    command(staff, org, "grant", key="crm", ticket="T-1")
    command(staff, org, "revoke", key="crm")

    events = eventually(lambda: find(staff, org=org)["events"], count=3)

    assert [event["org_version"] for event in events] == [3, 2, 1]
    assert events[1]["data"]["key"] == "crm"
    assert (events[1]["actor"], events[1]["ticket"], events[1]["org_id"]) == ("root", "T-1", org)


def test_pages_follow_each_other_in_both_directions(staff: httpx.Client, org: int) -> None:
    """Every event once, whichever way one goes."""
    for key in ("crm", "erp", "hr", "gst"):
        command(staff, org, "grant", key=key)
    eventually(lambda: find(staff, org=org)["events"], count=5)

    for order in ("newest", "oldest"):
        seen: list[int] = []
        after = None
        while True:
            marks = {"org": org, "limit": 2, "order": order}
            page = find(staff, **(marks if after is None else marks | {"after": after}))
            seen += [event["org_version"] for event in page["events"]]
            after = page["next"]
            if after is None:
                break
        assert seen == sorted(seen, reverse=order == "newest")
        assert sorted(seen) == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    ("marks", "versions"),
    [
        ({"key": "CRM"}, [3, 2]),
        ({"type": "GrantEnded"}, [3]),
        ({"type": "entitlements.ModuleGranted.v1"}, [4, 2]),
        ({"source": "plan:pro@1"}, [4]),
        ({"actor": "root", "key": "erp"}, [4]),
        ({"actor": "nobody"}, []),
        ({"to": "2020-01-01T00:00:00Z"}, []),
        ({"from": "2020-01-01T00:00:00Z", "type": "OrgRegistered"}, [1]),
    ],
)
def test_events_are_found_by_their_marks(
    staff: httpx.Client, org: int, marks: dict[str, str], versions: list[int]
) -> None:
    """Each filter alone and together."""
    command(staff, org, "grant", key="crm")
    command(staff, org, "revoke", key="crm")
    command(staff, org, "grant", key="erp", source="plan:pro@1")
    eventually(lambda: find(staff, org=org)["events"], count=4)

    events = find(staff, org=org, **marks)["events"]

    assert [event["org_version"] for event in events] == versions


def test_reading_the_audit_log_is_recorded(live: LiveServer, org: int) -> None:
    """Who read what; a page and an export alike."""
    reader = live.as_role("super_admin", sub=f"reader-{org}")
    find(reader, org=org, key="crm")
    reader.get("/api/v1/audit/export", params={"org": org})

    reads = eventually(
        lambda: find(live.as_role("super_admin"), actor=f"reader-{org}")["events"], count=2
    )

    assert [read["type"] for read in reads] == ["entitlements.AuditRead.v1"] * 2
    assert [read["data"]["export"] for read in reads] == [True, False]
    assert reads[1]["data"]["query"]["key"] == "crm"


def test_an_export_is_json_lines_of_the_same_events(staff: httpx.Client, org: int) -> None:
    """Oldest first when asked, without a limit."""
    command(staff, org, "grant", key="crm")
    events = eventually(lambda: find(staff, org=org, order="oldest")["events"], count=2)

    answer = staff.get("/api/v1/audit/export", params={"org": org, "order": "oldest", "limit": 1})

    assert [json.loads(line) for line in answer.text.splitlines()] == events


def test_an_exported_cell_is_never_a_formula(staff: httpx.Client, org: int) -> None:
    """What a spreadsheet would run is made text."""
    command(staff, org, "grant", key="crm", reason='=HYPERLINK("http://example.com")')
    eventually(lambda: find(staff, org=org)["events"], count=2)

    answer = staff.get("/api/v1/audit/export", params={"org": org, "format": "csv"})

    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert rows[0]["reason"] == '\'=HYPERLINK("http://example.com")'
    assert (rows[0]["type"], rows[0]["key"]) == ("entitlements.ModuleGranted.v1", "crm")
    assert answer.headers["content-type"].startswith("text/csv")


def test_a_service_audits_its_own_org_alone(live: LiveServer, org: int) -> None:
    """A token that names an org is held to it; users may not at all."""
    service = live.as_role("service", org=str(org))
    path = "/api/v1/audit/events"

    assert service.get(path, params={"org": org}).status_code == 200
    assert service.get(path, params={"org": 7}).status_code == 403
    assert service.get(path).status_code == 403
    assert live.as_role("org_admin", org=str(org)).get(path, params={"org": org}).status_code == 403


@pytest.mark.parametrize(
    ("marks", "code"),
    [
        ({"type": "Nothing"}, "unknown_event_type"),
        ({"orgs": "1"}, "invalid_request"),
        ({"limit": "0"}, "invalid_request"),
        ({"from": "2026-01-01T00:00:00"}, "naive_timestamp"),
        ({"org": "a b"}, "invalid_org_id"),
    ],
)
def test_a_query_that_makes_no_sense_is_refused(
    staff: httpx.Client, marks: dict[str, str], code: str
) -> None:
    """A misspelt filter does not quietly find everything."""
    answer = staff.get("/api/v1/audit/events", params=marks)

    assert (answer.status_code, answer.json()["code"]) == (422, code)


def test_all_that_is_done_to_a_trial_is_found_by_its_source(staff: httpx.Client, org: int) -> None:
    """Its start and its extension too, which name none; and they have it in the table."""
    until = (datetime.now(UTC) + timedelta(days=3)).isoformat()
    command(staff, org, "start-trial", key="hr", until=until)
    command(staff, org, "extend-trial", key="hr", by_days=2)
    command(staff, org, "revoke", key="hr", source="trial")
    found = eventually(lambda: find(staff, org=org, source="trial")["events"], count=3)
    assert [event["type"].split(".")[1] for event in found] == [
        "GrantEnded",
        "TrialExtended",
        "TrialStarted",
    ]
    asked: dict[str, str | int] = {"org": org, "source": "trial", "format": "csv"}
    header, *lines = staff.get("/api/v1/audit/export", params=asked).text.splitlines()
    place = header.split(",").index("source")
    assert [line.split(",")[place] for line in lines] == ["trial"] * 3
