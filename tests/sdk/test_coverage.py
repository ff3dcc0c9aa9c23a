"""Which routes carry a guard: included, mounted and hidden ones too, and nothing passes unseen."""

import json
import subprocess
import sys
from io import StringIO
from pathlib import Path

import pytest
from fastapi import APIRouter, FastAPI

from entitlements_sdk import FakeEntitlements
from entitlements_sdk.command import run
from entitlements_sdk.fastapi import coverage, exempt, protect
from tests.sdk.covered import covered, endpoint

ROOT = Path(__file__).resolve().parents[2]
COMMAND = Path(sys.executable).with_name("entitlements-sdk")


def standings(app: FastAPI) -> dict[str, str]:
    return {f"{row.method} {row.path}": row.standing for row in coverage(app)}


def test_every_route_is_accounted_for() -> None:
    found = standings(covered())
    assert {route for route, standing in found.items() if standing == "guarded"} == {
        "GET /v1/crm/leads",
        "GET /v1/crm/hidden",
        "GET /email",
        "POST /hr/people",
    }
    assert {route for route, standing in found.items() if standing == "neither"} == {
        "WEBSOCKET /v1/crm/live",
        "GET /open",
        "GET /secret",
        "GET /plain",
        "GET /hr/plain",
        "* /files/{path}",
    }
    exempted = {route for route, standing in found.items() if standing == "exempt"}
    assert "GET /healthz" in exempted
    assert {"GET /docs", "GET /openapi.json", "GET /hr/docs"} <= exempted


def test_what_openapi_has_and_the_walk_has_not_is_told() -> None:
    """A route that FastAPI serves in a way the walk does not know must not pass for guarded."""

    class Documented(FastAPI):
        def openapi(self) -> dict[str, object]:
            return {"paths": {"/elsewhere": {"get": {}, "summary": "no method"}}}

    assert standings(Documented())["GET /elsewhere"] == "neither"


def test_one_guarded_inclusion_does_not_speak_for_another() -> None:
    """The same router, included with a guard and without one."""
    app = covered(leaky=False)
    router = APIRouter()
    router.get("/leads")(endpoint)
    app.include_router(router, prefix="/bare")
    assert standings(app)["GET /bare/leads"] == "neither"
    assert standings(app)["GET /v1/crm/leads"] == "guarded"


def test_exempt_routes_have_a_reason() -> None:
    app = covered()
    exempt_routes = {"/files": "logos", "/plain": "a page for robots"}
    protect(app, FakeEntitlements(), principal=lambda _: None, exempt_routes=exempt_routes)
    found = {(row.method, row.path): row for row in coverage(app)}
    assert found["*", "/files/{path}"].reason == "logos"
    assert found["GET", "/plain"].reason == "a page for robots"
    with pytest.raises(ValueError, match="says why"):
        exempt(" ")


def test_the_command_fails_on_a_route_with_neither() -> None:
    """As CI runs it, in a process of its own."""
    done = subprocess.run(
        [COMMAND, "coverage", "tests.sdk.covered:app", "--json"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    said = json.loads(done.stdout)
    assert (done.returncode, done.stderr) == (1, "")
    assert said["totals"] == {"guarded": 4, "exempt": 9, "neither": 6}
    leads = next(row for row in said["routes"] if row["path"] == "/v1/crm/leads")
    assert leads["guards"] == ["crm + crm.view"]


def test_the_command_is_content_when_every_route_has_one() -> None:
    out = StringIO()
    assert run(["coverage", "tests.sdk.covered:tight"], out=out) == 0
    assert out.getvalue().endswith("4 guarded, 9 exempt, 0 neither\n")


def test_the_command_calls_what_makes_an_app() -> None:
    assert run(["coverage", "tests.sdk.covered:covered"], out=StringIO()) == 1


@pytest.mark.parametrize(
    "name",
    [
        "nothing",
        "tests.sdk.covered:nothing",
        "no.such:app",
        "json:loads",
    ],
)
def test_what_cannot_be_looked_at_is_wrong_usage(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["coverage", name], out=StringIO()) == 2
    assert name in capsys.readouterr().err
