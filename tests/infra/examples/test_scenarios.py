"""The five scenarios of the rollout plan: a ledger, the toy ERP, and HTTP between all of them."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import httpx
import pytest

from infra.database import Database
from infra.examples.erp.__main__ import deployed
from infra.server import application
from infra.settings import Settings
from infra.tokens import sign_token
from tests.sdk.serving import Served
from tests.sdk.waiting import until

pytestmark = pytest.mark.one_server
SECRET = "a secret of this test run, long enough for HS256"
REASON = "as the rollout plan has it"
_IDS = count(5001)
ROUTES = {
    "crm": "/crm/leads",
    "manufacturing": "/manufacturing/work-orders",
    "erp": "/erp/vendors",
    "email": "/email/messages",
    "settings": "/settings/general",
}


class World:
    """A ledger and the ERP, both over HTTP; `asks` is how people of an org use the ERP."""

    def __init__(self, settings: Settings, ledger: Served, erp: Served) -> None:
        self.settings = settings
        self.ledger = ledger
        self.erp = erp

    def command(self, org: str, name: str, **body: Any) -> dict[str, Any]:
        """A super admin's command; what the ledger answered."""
        return self.post(f"/api/v1/orgs/{org}/commands/{name}", body)

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        answer = httpx.post(
            self.ledger.address + path,
            json={"reason": REASON, **body},
            headers=self.bearer("super_admin"),
            timeout=60,
        )
        assert answer.is_success, answer.text
        said: dict[str, Any] = answer.json()
        return said

    def registered(self) -> str:
        """A new org without anything."""
        org = str(next(_IDS))
        self.post("/api/v1/admin/orgs", {"id": int(org), "name": f"Org {org}"})
        return org

    def bearer(self, role: str, org: str | None = None) -> dict[str, str]:
        return {"Authorization": f"Bearer {sign_token(self.settings, role=role, org=org)}"}

    def bypasses(self, org: str) -> list[dict[str, Any]]:
        """What is on record of bypasses for an org, oldest first."""
        answer = httpx.get(
            self.ledger.address + "/api/v1/audit/bypasses",
            params={"org": org, "order": "oldest"},
            headers=self.bearer("super_admin"),
            timeout=60,
        )
        found: list[dict[str, Any]] = answer.json()["events"]
        return found

    def asks(self, path: str, headers: dict[str, str]) -> httpx.Response:
        return httpx.get(self.erp.address + path, headers=headers, timeout=60)

    def open_to(self, headers: dict[str, str]) -> set[str]:
        """The modules whose routes let somebody in; the others answer 403 and nothing else."""
        found = {module: self.asks(path, headers).status_code for module, path in ROUTES.items()}
        assert set(found.values()) <= {200, 403}
        return {module for module, status in found.items() if status == 200}

    def menu(self, headers: dict[str, str]) -> dict[str, Any]:
        return {item["key"]: item for item in self.asks("/menu", headers).json()}


@pytest.fixture(scope="module")
def world(module_database: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    settings = Settings(
        data_dir=tmp_path_factory.mktemp("scenarios"),
        jwt_secret=SECRET,
        database_url=module_database.app_url,
        migration_database_url=module_database.owner_url,
    )
    with (
        Served(application(settings)) as ledger,
        Served(deployed(settings, ledger=ledger.address)) as erp,
    ):
        yield World(settings, ledger, erp)


def test_scenario_1_crm_only(world: World) -> None:
    org = world.registered()
    world.command(org, "grant", key="crm")
    admin = world.bearer("org_admin", org)
    assert world.open_to(admin) == {"crm", "email", "settings"}
    menu = world.menu(admin)
    assert menu["crm.lead_management"]["open"]
    assert not menu["manufacturing"]["open"]
    detail = world.asks(ROUTES["manufacturing"], admin).json()["detail"]
    assert list(detail)[:6] == [
        "error_type",
        "module_key",
        "submodule_key",
        "status",
        "reason",
        "message",
    ]
    assert detail["message"].startswith(
        "Organization does not have access to module 'manufacturing'. "
    )


def test_scenario_2_all_modules_disabled(world: World) -> None:
    org = world.registered()
    assert world.open_to(world.bearer("org_admin", org)) == {"email", "settings"}
    assert world.open_to(world.bearer("user", org)) == {"email"}
    menu = world.menu(world.bearer("org_admin", org))
    assert {key for key, item in menu.items() if item["open"]} == {"email", "settings"}


def test_scenario_3_a_trial_ends_by_itself(world: World) -> None:
    org = world.registered()
    until_then = datetime.now(UTC) + timedelta(seconds=5)
    world.command(org, "start-trial", key="manufacturing", until=until_then.isoformat())
    admin = world.bearer("org_admin", org)
    assert "manufacturing" in world.open_to(admin)
    assert world.menu(admin)["manufacturing"]["badge"] == "Trial"

    def over() -> bool:
        return world.asks(ROUTES["manufacturing"], admin).status_code == 403

    until(over, "the trial's end")
    assert datetime.now(UTC) >= until_then
    detail = world.asks(ROUTES["manufacturing"], admin).json()["detail"]
    assert (detail["status"], detail["denied_by"]) == ("trial_expired", "trial_expired")
    assert world.menu(admin)["manufacturing"]["why_not"] == "The trial has ended."


def test_scenario_4_a_super_admin_bypasses_and_it_is_on_record(world: World) -> None:
    """With a reason every route is open, and each use is in the ledger; without one, none is."""
    org = world.registered()
    staff = world.bearer("super_admin") | {"X-Org-Id": org}
    assert world.open_to(staff) == {"email", "settings"}

    assert world.open_to(staff | {"X-Bypass-Reason": "Restoring what support broke"}) == set(ROUTES)
    uses = world.bypasses(org)
    gated = ("crm", "manufacturing", "erp")
    assert [use["data"]["route"] for use in uses] == [f"GET {ROUTES[key]}" for key in gated]
    assert {use["actor"] for use in uses} == {"toy-erp"}
    assert {use["reason"] for use in uses} == {"Restoring what support broke"}
    assert None not in {use["on_behalf_of"] for use in uses}


def test_scenario_5_a_selection_shows_within_seconds(world: World) -> None:
    """What was cached a moment ago is replaced as soon as the ledger tells."""
    org = world.registered()
    admin = world.bearer("org_admin", org)
    assert world.open_to(admin) == {"email", "settings"}
    world.command(org, "apply-bundle", bundle="crm_suite")
    world.command(org, "apply-bundle", bundle="erp_suite")
    until(lambda: world.open_to(admin) >= {"crm", "erp"}, "the bundles")
    assert {"crm", "erp"} <= {key for key, item in world.menu(admin).items() if item["open"]}
    world.command(org, "remove-bundle", bundle="crm_suite")
    until(lambda: "crm" not in world.open_to(admin), "the removal")
    assert "erp" in world.open_to(admin)


def test_a_decision_of_the_erp_can_be_replayed_in_the_ledger(world: World) -> None:
    """Its id names everything it was made from."""
    org = world.registered()
    denied = world.asks(ROUTES["crm"], world.bearer("org_admin", org))
    decision = denied.json()["detail"]["decision_id"]
    replayed = httpx.get(
        f"{world.ledger.address}/api/v1/decisions/{decision}",
        headers=world.bearer("super_admin"),
        timeout=60,
    )
    assert replayed.status_code == 200, replayed.text
    said = replayed.json()
    assert (said["replayed"]["allowed"], said["agrees"]) == (False, True)


def test_the_ledger_stopped_and_started_again(world: World) -> None:
    """Nobody is denied for its absence, and all of it recovers without help."""
    org, stranger = world.registered(), world.registered()
    world.command(org, "grant", key="crm")
    world.command(stranger, "grant", key="crm")
    known, unknown = world.bearer("org_admin", org), world.bearer("org_admin", stranger)
    until(lambda: "crm" in world.open_to(known), "the grant")
    world.ledger.stop()
    assert world.asks(ROUTES["crm"], known).status_code == 200
    assert world.asks(ROUTES["email"], unknown).status_code == 200
    away = world.asks(ROUTES["crm"], unknown)
    assert (away.status_code, away.json()["detail"]["code"]) == (503, "entitlement_unavailable")
    world.ledger.start()
    statuses: set[int] = set()

    def recovered() -> bool:
        statuses.add(world.asks(ROUTES["crm"], unknown).status_code)
        return 200 in statuses

    until(recovered, "recovery")
    assert statuses <= {200, 503}
