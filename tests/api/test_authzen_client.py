"""A client that nobody here wrote asks by AuthZEN: decern's."""

from typing import Any

import httpx
import pytest
from decern import Client, DecernError

from infra.tokens import sign_token
from tests.api.calls import command
from tests.live import LiveServer

pytestmark = pytest.mark.one_server


def client(live: LiveServer, role: str = "service", **claims: Any) -> Client:
    """Decern's client over the live server, as somebody."""
    return Client(live.address, timeout=30, token=sign_token(live.settings, role=role, **claims))


def test_the_client_reads_what_the_ledger_says(
    live: LiveServer, staff: httpx.Client, org: int
) -> None:
    """Of an org and of its users, for keys and for permissions, as `/check` says it."""
    command(staff, org, "grant", key="crm")
    service, asking = live.as_role("service"), client(live)
    ada = {"type": "user", "id": "ada", "properties": {"org_id": org, "permissions": ["crm.*"]}}
    bob = {"type": "user", "id": "bob", "properties": {"org_id": org}}
    for subject, held in ((ada, ["crm.*"]), (bob, []), ({"type": "org", "id": str(org)}, [])):
        for key in ("crm", "crm.lead_management", "manufacturing", "email", "crn"):
            for action in ("use", "crm.create"):
                told = asking.evaluate(subject, action, {"type": "module", "id": key})
                actor = {"role": "user", "org_id": org, "permissions": held}
                permission = None if action == "use" else action
                body = {"org": org, "key": key, "actor": actor, "permission": permission}
                checked = service.post("/api/v1/check", json=body).json()
                assert told.allowed is checked["allowed"], (subject, key, action)
                assert told.context is not None
                assert told.context["denied_by"] == checked["denied_by"]


def test_the_client_sees_a_change_at_once(live: LiveServer, staff: httpx.Client, org: int) -> None:
    asking, crm = client(live), {"type": "module", "id": "crm"}
    subject = {"type": "org", "id": str(org)}
    seen = [asking.evaluate(subject, "use", crm).allowed]
    for name in ("grant", "revoke"):
        command(staff, org, name, key="crm")
        seen.append(asking.evaluate(subject, {"name": "use"}, crm, {"ip": "::1"}).allowed)
    assert seen == [False, True, False]


def test_the_client_tells_a_denial_from_what_cannot_be_asked(live: LiveServer, org: int) -> None:
    """An error carries its status and a sentence; `allowed` is false for denials only."""
    crm, subject = {"type": "module", "id": "crm"}, {"type": "org", "id": str(org)}
    nobody, stranger = Client(live.address, timeout=30), client(live, "user", org="7")
    for asking, asked, status in (
        (nobody, subject, 401),
        (stranger, subject, 403),
        (client(live), {"type": "org"}, 400),
    ):
        with pytest.raises(DecernError) as refused:
            asking.evaluate(asked, "use", crm)
        assert refused.value.status_code == status
        assert refused.value.body
