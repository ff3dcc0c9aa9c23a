"""The page for Prometheus: every name moves by what is really done over HTTP, and names nobody."""

import re
import shutil
import subprocess
import time
from datetime import UTC, datetime, timedelta
from itertools import count
from uuid import uuid4

import httpx
import psycopg
import pytest
from prometheus_client import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from infra.metrics.propagated import DEAD_LETTERS
from tests.api.calls import REASON, command
from tests.architecture.sources import ROOT
from tests.live import LiveServer

pytestmark = pytest.mark.one_server

CHECK = "/api/v1/check"
OPEN = {"Accept": "application/openmetrics-text; version=1.0.0"}
PATIENCE_SECONDS = 30.0
LABELS = {"class", "le", "method", "module", "reason", "route", "status", "view"}
_USERS = count(1)

Numbers = dict[str, float]


def families(text: str) -> list[Metric]:
    """A page as Prometheus reads it."""
    return list(text_string_to_metric_families(text))  # type: ignore[no-untyped-call]


def scraped(live: LiveServer) -> Numbers:
    """Every sample, by its name and the values of its labels."""
    text = live.client().get("/metrics", headers=OPEN).text
    return {
        " ".join((sample.name, *sample.labels.values())): sample.value
        for family in families(text)
        for sample in family.samples
    }


def moved(live: LiveServer, before: Numbers, *names: str) -> None:
    """Wait until each of these is higher than it was."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        now = scraped(live)
        still = [name for name in names if now.get(name, 0) <= before.get(name, 0)]
        if not still:
            return
        assert time.monotonic() < deadline, (still, now)
        time.sleep(0.05)


@pytest.fixture
def user(live: LiveServer, org: int) -> httpx.Client:
    """Somebody of an org that has nothing."""
    return live.as_role("user", org=str(org), sub=f"user-{next(_USERS)}")


def test_decisions_and_denials_are_counted(
    live: LiveServer, staff: httpx.Client, user: httpx.Client, org: int
) -> None:
    """By the reason of the denial; the quick lane's answers as well as the route's."""
    before = scraped(live)
    command(staff, org, "grant", key="crm")

    for body in (
        {"org": org, "key": "hr"},
        {"org": org, "key": "hr"},
        {"org": org, "key": "crm"},
        {"org": org, "key": "crm", "permission": "crm.leads.view"},
    ):
        assert user.post(CHECK, json=body).status_code == 200

    after = scraped(live)
    assert after["entitlement_checks_total"] - before["entitlement_checks_total"] == 4
    denied = "entitlement_denied_total not_granted"
    assert after[denied] - before[denied] == 2
    assert after["permission_denied_total"] - before["permission_denied_total"] == 1
    asked = f"http_requests_total POST {CHECK} 200"
    assert after[asked] - before.get(asked, 0) == 4
    timed = f"http_request_seconds_count POST {CHECK}"
    assert after[timed] - before.get(timed, 0) == 4


def test_a_list_of_all_flags_is_no_use_of_any(
    live: LiveServer, user: httpx.Client, org: int
) -> None:
    """Or the flags that a browser fetches would drown what is really asked for."""
    before = scraped(live)["entitlement_checks_total"]

    asked = {"context": {"targetingKey": org}}
    flags = user.post("/ofrep/v1/evaluate/flags", json=asked).json()["flags"]

    assert len(flags) > 100
    assert scraped(live)["entitlement_checks_total"] == before


def test_caches_appends_and_the_rollout_are_measured(
    live: LiveServer, staff: httpx.Client, user: httpx.Client, org: int
) -> None:
    """Look-ups found and not found, the time of an append, how soon a change holds."""
    before = scraped(live)

    for _ in range(3):
        user.post(CHECK, json={"org": org, "key": "email"})
    assert staff.get("/api/v1/orgs/404404/snapshot").status_code == 404
    staff.post("/api/v1/admin/rollout/percentage", json={"percent": 50, "reason": REASON})
    staff.post("/api/v1/admin/rollout/percentage", json={"percent": 100, "reason": REASON})

    moved(
        live,
        before,
        "entitlement_cache_hits_total",
        "entitlement_cache_misses_total",
        "append_seconds_count",
        "append_seconds_sum",
        "rollout_propagation_seconds_count",
    )
    assert 0 < scraped(live)["entitlement_cache_hit_rate"] < 1


def test_facts_are_counted_from_the_log(live: LiveServer, staff: httpx.Client, org: int) -> None:
    """Selections by module, trials begun and converted: whichever process wrote them."""
    before = scraped(live)
    week = (datetime.now(UTC) + timedelta(days=7)).isoformat()
    assert command(staff, org, "start-trial", key="hr", until=week).status_code == 200
    assert command(staff, org, "convert-trial", key="hr").status_code == 200
    assert command(staff, org, "grant", key="crm").status_code == 200

    moved(
        live,
        before,
        "trial_starts_total",
        "trial_conversions_total",
        "module_selections_total crm",
    )
    now = scraped(live)
    assert now["trial_starts_total"] - before["trial_starts_total"] == 1
    assert now["module_selections_total crm"] - before.get("module_selections_total crm", 0) == 1


def test_lags_are_told_by_view(live: LiveServer) -> None:
    """Of those written with every append, too: there it is none."""
    found = scraped(live)

    assert found["projection_lag_seconds current_entitlements"] == 0
    assert found["projection_lag_seconds audit"] >= 0
    assert found["boundary_lag_seconds"] >= 0


def test_a_bypass_is_counted(live: LiveServer, staff: httpx.Client, org: int) -> None:
    before = scraped(live)
    used = staff.post("/api/v1/bypass/uses", json={"org": org, "key": "hr", "reason": REASON})
    assert used.status_code in (200, 201), used.text
    moved(live, before, "super_admin_bypass_total")


def test_a_verification_that_fails_is_counted(
    live: LiveServer, staff: httpx.Client, orgs: list[int], org: int, altered: int
) -> None:
    """One that finds nothing wrong is not."""
    before = scraped(live)["verify_failures_total"]
    verify = "/api/v1/audit/verify"

    assert staff.get(verify, params={"org": orgs[0]}).json()["ok"]
    assert scraped(live)["verify_failures_total"] == before

    assert not staff.get(verify, params={"org": org}).json()["ok"], altered
    assert scraped(live)["verify_failures_total"] == before + 1


def test_shadow_mode_compares_what_it_lets_pass(
    live: LiveServer, staff: httpx.Client, user: httpx.Client, org: int
) -> None:
    """With the legacy flags: they agree that a module is off, and know nothing of a submodule."""
    command(staff, org, "grant", key="crm")
    command(staff, org, "set-submodule", key="crm.orders", enabled=False)
    shadow = {"reason": REASON, "percent": 0, "default": "shadow"}
    assert staff.put("/api/v1/admin/rollout", json=shadow).status_code == 200
    before = scraped(live)
    try:
        for key in ("crm", "hr", "CRM.orders"):
            answer = user.post(CHECK, json={"org": org, "key": key}).json()
            assert answer["allowed"]
    finally:
        staff.put("/api/v1/admin/rollout", json={"reason": REASON, "percent": 100})

    moved(live, before, "would_deny_total agreed", "would_deny_total false_denial")
    denied = "entitlement_denied_total not_granted"
    assert scraped(live)[denied] == before[denied]


def test_no_label_names_an_org_a_user_or_a_path(
    live: LiveServer, user: httpx.Client, org: int
) -> None:
    """Whatever is asked: labels come from small closed sets."""
    user.get(f"/api/v1/orgs/{org}/entitlements")
    user.get(f"/api/v1/orgs/{org}/entitlements")
    user.get(f"/api/v1/orgs/{org}/snapshot")
    user.get(f"/nothing/like/{org}")
    user.request("BREW", f"/api/v1/orgs/{org}/entitlements")
    user.post(f"/api/v1/orgs/{org}/commands/grant", json={})

    text = live.client().get("/metrics", headers=OPEN).text

    for family in families(text):
        for sample in family.samples:
            assert set(sample.labels) <= LABELS, sample
            for value in sample.labels.values():
                assert str(org) not in value, sample
                assert "user-" not in value, sample
    assert 'http_requests_total{method="GET",route="none",status="404"}' in text
    assert 'route="/api/v1/orgs/{org}/entitlements"' in text


def test_the_documented_names_are_told(live: LiveServer, user: httpx.Client, org: int) -> None:
    """Those that a server feeds; the others belong to the relay and to importing."""
    user.post(CHECK, json={"org": org, "key": "email"})
    names = {name.partition(" ")[0] for name in scraped(live)}

    assert names >= {
        "entitlement_checks_total",
        "entitlement_denied_total",
        "permission_denied_total",
        "super_admin_bypass_total",
        "entitlement_cache_hit_rate",
        "trial_conversions_total",
        "trial_starts_total",
        "projection_lag_seconds",
        "boundary_lag_seconds",
        "cache_refill_discarded_total",
        "stale_served_total",
        "append_seconds_bucket",
        "verify_failures_total",
        "rollout_propagation_seconds_bucket",
    }


def test_every_name_is_explained(live: LiveServer) -> None:
    """To whoever looks at it at night."""
    page = (ROOT / "infra" / "metrics" / "README.md").read_text(encoding="utf-8")
    text = live.client().get("/metrics").text
    told = set(re.findall(r"^# TYPE ([a-z_]+)", text, re.MULTILINE))

    assert {name for name in told if name not in page} == set()


def test_every_alert_is_about_names_that_are_told(live: LiveServer) -> None:
    """A name that is misspelt in a rule never fires, and nobody would notice."""
    rules = (ROOT / "infra" / "prometheus" / "alerts.yml").read_text(encoding="utf-8")
    asked = set(re.findall(r"\b[a-z_]+_(?:total|seconds)(?=[\[{)]|_bucket)", rules))
    assert live.settings.database_url is not None
    with psycopg.connect(live.settings.database_url, autocommit=True) as connection:
        connection.execute("SELECT ledger.relay_take(%s, 0)", (uuid4(),))
    text = live.client().get("/metrics").text

    assert len(asked) > 10
    # The one that is told only by a process that relays.
    assert {name for name in asked if f"# TYPE {name} " not in text} == {DEAD_LETTERS}


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
def test_promtool_finds_nothing_wrong(live: LiveServer) -> None:
    page = live.client().get("/metrics").content
    done = subprocess.run(["promtool", "check", "metrics"], input=page, capture_output=True)  # noqa: PLW1510, S607 - wherever it is
    assert done.returncode == 0, done.stdout + done.stderr
