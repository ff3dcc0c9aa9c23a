"""Every operation under every role and org: a route without a row here fails the suite."""

import json
from typing import Any

import httpx
import pytest

from api.routes.commands import COMMANDS
from api.routes.rollout import CHANGES
from domain.decision_ids import decision_id, letters
from tests.api.calls import REASON
from tests.live import LiveServer

pytestmark = pytest.mark.one_server

ORG, OTHER, UNKNOWN = 501, 502, 599
PUBLIC = {"/livez", "/readyz", "/metrics", "/.well-known/authzen-configuration"}

# What a caller with a valid token may do: the roles that pass the gate of each operation, with an
# org of their own where the path names one.
ANYONE = {"user", "org_admin", "service", "super_admin"}
COMMANDERS = {"service", "super_admin"}
STAFF = {"super_admin"}

MATRIX: dict[tuple[str, str], set[str]] = {
    ("GET", "/api/v1/orgs/entitlements"): ANYONE,
    ("GET", "/api/v1/organizations/entitlements"): ANYONE,
    ("GET", "/api/v1/orgs/{org}/entitlements"): ANYONE,
    ("GET", "/api/v1/orgs/{org}/enabled_modules"): ANYONE,
    ("GET", "/api/v1/orgs/{org}/explain"): COMMANDERS,
    ("GET", "/api/v1/orgs/{org}/timeline"): COMMANDERS,
    ("GET", "/api/v1/orgs/{org}/diff"): COMMANDERS,
    ("GET", "/api/v1/orgs/{org}/pending"): COMMANDERS,
    ("GET", "/api/v1/modules/{key}/orgs"): STAFF,  # and services that are held to no org
    ("GET", "/api/v1/audit/replay"): COMMANDERS,
    ("GET", "/api/v1/audit/events"): COMMANDERS,
    ("GET", "/api/v1/audit/export"): COMMANDERS,
    ("GET", "/api/v1/audit/verify"): STAFF,  # and services that are held to no org
    ("GET", "/api/v1/audit/checkpoints"): STAFF,  # the same
    ("POST", "/api/v1/bypass/uses"): STAFF,
    ("POST", "/api/v1/bypass/sessions"): STAFF,
    ("GET", "/api/v1/bypass/sessions/{session_id}"): STAFF,  # and services held to no org
    ("DELETE", "/api/v1/bypass/sessions/{session_id}"): STAFF,
    ("GET", "/api/v1/audit/bypasses"): STAFF,  # the same
    ("GET", "/api/v1/admin/rollout"): STAFF,
    ("PUT", "/api/v1/admin/rollout"): STAFF,
    ("GET", "/api/v1/admin/rollout/history"): STAFF,
    ("GET", "/api/v1/admin/rollout/cohort"): STAFF,
    ("GET", "/api/v1/admin/rollout/messages"): STAFF,
    ("GET", "/api/v1/admin/rollout/readiness"): STAFF,
    ("POST", "/api/v1/admin/rollout/rollback"): STAFF,  # and services that are held to no org
    **{("POST", f"/api/v1/admin/rollout/{name}"): STAFF for name in CHANGES},
    ("POST", "/api/v1/check"): ANYONE,
    ("POST", "/api/v1/check/batch"): ANYONE,
    ("GET", "/api/v1/decisions/{id}"): COMMANDERS,
    ("GET", "/api/v1/orgs/{org}/snapshot"): ANYONE,
    ("POST", "/ofrep/v1/evaluate/flags"): ANYONE,
    ("POST", "/ofrep/v1/evaluate/flags/{key}"): ANYONE,
    ("GET", "/ofrep/v1/events"): ANYONE,  # whoever has the URL: 401 to all who have not
    ("POST", "/access/v1/evaluation"): ANYONE,
    ("POST", "/access/v1/evaluations"): ANYONE,
    ("POST", "/access/v1/search/subject"): STAFF,  # and services that are held to no org
    ("POST", "/access/v1/search/resource"): ANYONE,
    ("POST", "/access/v1/search/action"): ANYONE,
    ("GET", "/api/v1/catalog"): ANYONE,
    ("GET", "/api/v1/watch"): STAFF,  # and services that are held to no org
    ("POST", "/api/v1/commands/bulk"): STAFF,  # and services that are held to no org
    ("GET", "/api/v1/batches/{batch}"): STAFF,  # the same
    ("POST", "/api/v1/batches/{batch}/undo"): STAFF,  # the same
    ("GET", "/api/v1/admin/modules"): STAFF,
    ("GET", "/api/v1/admin/categories"): STAFF,
    ("GET", "/api/v1/admin/categories/{key}"): STAFF,
    ("POST", "/api/v1/admin/categories/orgs/{org}/activate"): STAFF,
    ("POST", "/api/v1/admin/categories/orgs/{org}/deactivate"): STAFF,
    ("GET", "/api/v1/admin/categories/orgs/{org}/activated"): STAFF,
    ("POST", "/api/v1/admin/orgs"): STAFF,
    ("GET", "/api/v1/admin/orgs"): STAFF,
    ("GET", "/api/v1/admin/orgs/{org}/entitlements"): STAFF,
    ("PUT", "/api/v1/admin/orgs/{org}/entitlements"): STAFF,
    ("POST", "/api/v1/orgs/{org}/refresh"): STAFF,
    ("GET", "/api/v1/orgs/{org}/propagation"): COMMANDERS,
    ("POST", "/api/v1/propagation/receipts"): STAFF,  # and services that are held to no org
    **{("POST", f"/api/v1/orgs/{{org}}/commands/{name}"): COMMANDERS for name in COMMANDS},
}
SPOKEN: dict[str, dict[str, Any]] = {
    "/ofrep/": {"context": {"targetingKey": "{org}"}},
    "/access/": {
        "subject": {"type": "org", "id": "{org}"},
        "action": {"name": "use"},
        "resource": {"type": "module", "id": "crm"},
    },
}
_WHEN = "1~0~20260302T120000000000Z"
QUERIES = {
    "explain": {"key": "crm"},
    "diff": {"from": "2026-01-01T00:00:00Z", "to": "2026-01-02T00:00:00Z"},
    "replay": {"org": "{org}"},
    "events": {"org": "{org}"},
    "export": {"org": "{org}"},
    "cohort": {"percent": "5"},
    "messages": {"template": "early-access", "percent": "5"},
    "readiness": {"percent": "5"},
}
NAMING_AN_ORG = [
    operation for operation in MATRIX if "{org}" in operation[1] or "replay" in operation[1]
]
BODIES: dict[str, dict[str, Any]] = {
    "check": {"org": "{org}", "key": "crm"},
    "batch": {"orgs": ["{org}"], "keys": ["crm"]},
    "orgs": {"id": ORG, "name": "Own"},
    "entitlements": {"changes": {}},
    "activate": {"category": "crm_suite"},
    "deactivate": {"category": "crm_suite"},
    "grant": {"key": "crm"},
    "revoke": {"key": "crm"},
    "start-trial": {"key": "hr", "until": "2020-01-01T00:00:00Z"},
    "extend-trial": {"key": "hr", "by_days": 1},
    "convert-trial": {"key": "hr"},
    "block": {"scope": "org", "category": "abuse"},
    "unblock": {"scope": "org", "category": "abuse"},
    "set-submodule": {"key": "crm.orders", "enabled": True},
    "cancel-scheduled": {"change_id": "0" * 32},
    "apply-bundle": {"bundle": "crm_suite"},
    "remove-bundle": {"bundle": "crm_suite"},
    "suspend": {},
    "resume": {},
    "uses": {"org": ORG, "key": "crm"},
    "sessions": {"org": ORG},
    "rollback": {"scope": "org", "orgs": [ORG]},
    "percentage": {"percent": 100},
    "exempt-org": {"orgs": [ORG], "exempt": False},
    "exempt-module": {"key": "crm", "exempt": False},
    "force-org": {"orgs": [ORG], "mode": None},
    "kill": {"dry_run": True},
    "receipts": {"ledger_epoch": 1, "applied": [{"org_id": ORG, "org_version": 1}]},
    "sign-off": {"step": "1", "role": "security_lead"},
}


@pytest.fixture(scope="module")
def known(live: LiveServer) -> LiveServer:
    """A server with two orgs."""
    staff = live.as_role("super_admin")
    for number, name in ((ORG, "Own"), (OTHER, "Other")):
        body = {"id": number, "name": name, "reason": REASON}
        assert staff.post("/api/v1/admin/orgs", json=body).status_code in (200, 201)
    return live


def ask(client: httpx.Client, method: str, path: str, *, org: int) -> httpx.Response:
    """The operation on an org."""
    url = path.replace("{org}", str(org)).replace(
        "{key}", "crm_suite" if "categories" in path else "crm"
    )
    url = url.replace("{id}", decision_id(str(org), 0, 1, _WHEN, letters(mode="enforce", cell=3)))
    body = {"reason": REASON} | BODIES.get(path.rsplit("/", 1)[1], {})
    if "/check" in path:
        body = json.loads(json.dumps(body | {"reason": None}).replace("{org}", str(org)))
        del body["reason"]
    for prefix, spoken in SPOKEN.items():
        if path.startswith(prefix):
            body = json.loads(json.dumps(spoken).replace("{org}", str(org)))
    asked = QUERIES.get(path.rsplit("/", 1)[1], {})
    params = {name: value.replace("{org}", str(org)) for name, value in asked.items()}
    sent = client.build_request(method, url, params=params, json=body if method != "GET" else None)
    answer = client.send(sent, stream=path.endswith("/watch"))
    answer.close()  # what would go on for ever is not waited for
    return answer


def test_every_route_has_a_row(live: LiveServer) -> None:
    """A new operation must say who may use it."""
    paths = live.client().get("/openapi.json").json()["paths"]
    operations = {
        (method.upper(), path)
        for path, methods in paths.items()
        for method in methods
        if path not in PUBLIC
    }

    assert operations == set(MATRIX)


@pytest.mark.parametrize("operation", MATRIX, ids=" ".join)
def test_without_a_token_nothing_is_reached(known: LiveServer, operation: tuple[str, str]) -> None:
    """401 before anything else, whether the org exists or not."""
    for org in (ORG, UNKNOWN):
        assert ask(known.client(), *operation, org=org).status_code == 401


@pytest.mark.parametrize("role", sorted(ANYONE))
@pytest.mark.parametrize("operation", MATRIX, ids=" ".join)
def test_a_role_reaches_what_it_may(
    known: LiveServer, operation: tuple[str, str], role: str
) -> None:
    """On its own org: 403 where the gate is closed, and never where it is open."""
    own = None if role == "super_admin" else str(ORG)
    answer = ask(known.as_role(role, org=own), *operation, org=ORG)

    assert (answer.status_code == 403) == (role not in MATRIX[operation]), operation


@pytest.mark.parametrize("role", sorted(ANYONE - STAFF))
@pytest.mark.parametrize("org", [OTHER, UNKNOWN])
@pytest.mark.parametrize("operation", NAMING_AN_ORG, ids=" ".join)
def test_nobody_reaches_another_org(
    known: LiveServer, operation: tuple[str, str], role: str, org: int
) -> None:
    """An org that is not the caller's own answers 403 whether it exists or not."""
    answer = ask(known.as_role(role, org=str(ORG)), *operation, org=org)

    assert answer.status_code == 403


@pytest.mark.parametrize("operation", NAMING_AN_ORG, ids=" ".join)
def test_a_super_admin_learns_that_an_org_does_not_exist(
    known: LiveServer, operation: tuple[str, str]
) -> None:
    """404, for one who may see every org."""
    answer = ask(known.as_role("super_admin"), *operation, org=UNKNOWN)

    assert answer.status_code == 404
