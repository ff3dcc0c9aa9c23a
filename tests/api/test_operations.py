"""Alive, ready, documented."""

import httpx

from tests.live import LiveServer


def test_a_ready_process_says_how_far_each_part_is(live: LiveServer, staff: httpx.Client) -> None:
    """Each dependency, and each view's lag."""
    answer = live.client().get("/readyz")

    checks = answer.json()["checks"]
    assert answer.status_code == 200
    assert set(checks) == {"database", "feed", "catalog", "gating", "views", "ticker", "orgs"}
    assert all(check["ok"] for check in checks.values())
    assert checks["views"]["current_entitlements"]["lag_events"] == 0


def test_the_api_is_documented(live: LiveServer) -> None:
    """Every operation has a summary, and the page is served."""
    document = live.client().get("/openapi.json").json()

    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            assert operation.get("summary"), (method, path)
    assert live.client().get("/docs").status_code == 200


def test_whoever_opens_the_address_finds_the_documentation(live: LiveServer) -> None:
    found = live.client().get("/", follow_redirects=True)

    assert found.status_code == 200
    assert found.url.path == "/docs"
