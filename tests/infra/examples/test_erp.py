"""The toy ERP against a small ledger over real HTTP, which is stopped and started again."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from entitlements_sdk import FakeEntitlements
from entitlements_sdk.fastapi import coverage
from infra.examples.erp.__main__ import deployed
from infra.examples.erp.app import service
from infra.settings import Settings
from infra.tokens import sign_token
from tests.sdk.ledger import SmallLedger
from tests.sdk.serving import Served
from tests.sdk.waiting import until

SECRET = "a secret of this test run, long enough for HS256"


@pytest.fixture
def ledger() -> SmallLedger:
    small = SmallLedger()
    small.keys |= {"erp": "billable"}
    small.set(42, crm="enabled", manufacturing="trial")
    return small


@pytest.fixture
def served(ledger: SmallLedger) -> Iterator[Served]:
    with Served(ledger.app) as served:
        yield served


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path, jwt_secret=SECRET)


@pytest.fixture
def erp(served: Served, settings: Settings) -> Iterator[httpx.Client]:
    """A member of org 42 at the ERP."""
    token = sign_token(settings, role="org_admin", org="42", permissions=["settings.*"])
    with (
        Served(deployed(settings, ledger=served.address)) as service,
        httpx.Client(
            base_url=service.address, headers={"Authorization": f"Bearer {token}"}, timeout=60
        ) as client,
    ):
        yield client


def status(client: httpx.Client, path: str) -> int:
    return client.get(path).status_code


def test_it_opens_what_the_org_has(erp: httpx.Client) -> None:
    assert status(erp, "/crm/leads") == 200
    assert erp.post("/crm/leads").status_code == 201
    assert status(erp, "/manufacturing/work-orders") == 200
    assert status(erp, "/email/messages") == 200
    assert status(erp, "/settings/general") == 200
    denied = erp.get("/erp/vendors")
    assert (denied.status_code, denied.json()["detail"]["module_key"]) == (403, "erp")
    menu = {item["key"]: item for item in erp.get("/menu").json()}
    assert menu["manufacturing"]["badge"] == "Trial"
    assert (menu["erp"]["open"], menu["email"]["open"]) == (False, True)


def test_the_ledger_stopped_it_goes_on_and_recovers_by_itself(
    erp: httpx.Client, served: Served, ledger: SmallLedger
) -> None:
    """I13: not one 403 for not knowing, and no 5xx but the 503 that says so."""
    assert status(erp, "/crm/leads") == 200
    served.stop()
    other = sign_token(Settings(jwt_secret=SECRET), role="user", org="7")
    stranger = {"Authorization": f"Bearer {other}"}
    assert status(erp, "/crm/leads") == 200
    assert status(erp, "/email/messages") == 200
    unknown = erp.get("/crm/leads", headers=stranger)
    assert unknown.status_code == 503
    assert int(unknown.headers["retry-after"]) >= 1

    ledger.set(7, crm="enabled")
    served.start()

    def recovered() -> bool:
        answered = erp.get("/crm/leads", headers=stranger).status_code
        assert answered in (200, 503)
        return answered == 200

    until(recovered, "recovery")
    assert status(erp, "/crm/leads") == 200


def test_every_route_is_guarded_or_says_why_not() -> None:
    rows = coverage(service(FakeEntitlements(), principal=lambda _: None))
    assert [row for row in rows if row.standing == "neither"] == []
