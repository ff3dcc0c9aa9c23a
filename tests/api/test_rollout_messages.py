"""What a cohort is told, for the mail tool."""

import csv
import io
import json

import httpx
import pytest

from domain.messages import EARLY_ACCESS, MESSAGES, ROLLBACK
from domain.phases import STEPS
from tests.api.calls import REASON
from tests.live import LiveServer

pytestmark = pytest.mark.one_server

ROLLOUT = "/api/v1/admin/rollout"
FORMULA = '=HYPERLINK("http://evil.example")'


@pytest.fixture
def staff(live: LiveServer) -> httpx.Client:
    """A super admin, and two orgs of which one is tagged."""
    staff = live.as_role("super_admin", sub="root")
    for number, name in ((8_001, FORMULA), (8_002, 'Ärzte, "Nord"')):
        staff.post("/api/v1/admin/orgs", json={"id": number, "name": name, "reason": REASON})
    body = {"reason": REASON, "orgs": [8_001], "mode": "enforce", "tag": "early"}
    assert staff.post(f"{ROLLOUT}/force-org", json=body).status_code == 200
    return staff


def asked(client: httpx.Client, **query: str) -> httpx.Response:
    return client.get(f"{ROLLOUT}/messages", params=query)


def test_a_tag_is_told_in_a_table(staff: httpx.Client) -> None:
    """Org, cohort, subject and body; and a name that is a formula is a text."""
    answer = asked(staff, template="early-access", tag="early")

    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"].startswith("text/csv")
    assert list(csv.DictReader(io.StringIO(answer.text))) == [
        {
            "org_id": "8001",
            "org_name": f"'{FORMULA}",
            "cohort": "early",
            "subject": EARLY_ACCESS.subject,
            "body": EARLY_ACCESS.text,
        }
    ]


def test_everybody_is_told_line_by_line(staff: httpx.Client) -> None:
    """The same orgs that the cohort lists; JSON takes names as they are."""
    answer = asked(staff, template="rollback", percent="100", format="jsonl")
    cohort = staff.get(f"{ROLLOUT}/cohort", params={"percent": 100, "limit": 1000}).json()

    told = [json.loads(line) for line in answer.text.splitlines()]
    assert [line["org_id"] for line in told] == [entry["org_id"] for entry in cohort["orgs"]]
    assert {line["org_id"]: line["org_name"] for line in told}[8_002] == 'Ärzte, "Nord"'
    assert {(line["cohort"], line["body"]) for line in told} == {("100 %", ROLLBACK.text)}


def test_a_cohort_of_nobody_has_a_header_alone(staff: httpx.Client) -> None:
    assert asked(staff, template="rollback", percent="0").text.splitlines() == [
        "org_id,org_name,cohort,subject,body"
    ]


def test_what_there_is_to_say_is_named(staff: httpx.Client) -> None:
    refused = asked(staff, template="good-news", percent="5")
    assert (refused.status_code, refused.json()["code"]) == (404, "unknown_message")
    assert refused.json()["templates"] == list(MESSAGES)
    assert asked(staff, template="rollback").json()["code"] == "cohort_unnamed"


def test_the_plan_says_what_can_be_exported() -> None:
    """Whatever a step tells customers is there under its name."""
    told = [step.message for step in STEPS if step.message is not None]
    assert told
    assert all(MESSAGES[message.name] is message for message in told)
