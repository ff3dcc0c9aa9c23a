"""The walk through the plan with imported orgs: refused once, and rolled back by an alert."""

import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest

from domain.gating import bucket
from domain.ids import OrgId
from domain.phases import ROLES
from infra.database import Database
from infra.settings import Settings
from tests.consumers.legacy.rows import line
from tests.infra.cli.shell import REASON, SECRET, Shell
from tests.live import LiveServer

pytestmark = pytest.mark.one_server

PATIENCE = 60.0  # seconds; a deadline for a machine that is busy, and no claim about speed
BOUNDS = (500, 2_500, 10_000)  # of the buckets that steps 3a, 3b and 3c enforce


def first_orgs() -> tuple[int, int, int]:
    """An org that each of the steps 3a, 3b and 3c is the first to enforce for."""
    lower = 0
    found = []
    for bound in BOUNDS:
        found.append(next(n for n in count(1) if lower <= bucket(OrgId(str(n))) < bound))
        lower = bound
    return found[0], found[1], found[2]


EARLY, NEXT, LAST = first_orgs()


@pytest.fixture
def shell(database: Database, tmp_path: Path) -> Shell:
    """A shell over a database without any rollout."""
    return Shell.over(database, data_dir=tmp_path)


@pytest.fixture
def live(shell: Shell, database: Database, tmp_path: Path) -> Iterator[LiveServer]:
    """A server that goes by the same ledger, with orgs that have CRM and nothing else."""
    file = tmp_path / "legacy.jsonl"
    rows = [line(id=org, enabled_modules={"CRM": True}) for org in (EARLY, NEXT, LAST)]
    file.write_bytes(b"".join(rows))
    assert "3 imported" in shell("legacy", "import", file).stdout
    settings = Settings(
        data_dir=tmp_path,
        jwt_secret=SECRET,
        database_url=database.app_url,
        migration_database_url=database.owner_url,
    )
    with LiveServer(settings) as live:
        yield live


def enforced_for(client: httpx.Client, *orgs: int, key: str = "hr") -> None:
    """Wait until the server denies exactly these what none of them has."""
    deadline = time.monotonic() + PATIENCE
    while True:
        denied = [
            org
            for org in (EARLY, NEXT, LAST)
            if not client.post("/api/v1/check", json={"org": org, "key": key}).json()["allowed"]
        ]
        if denied == list(orgs):
            return
        assert time.monotonic() < deadline, f"denied are {denied}, and not {orgs}"
        time.sleep(0.05)


def sign_off(shell: Shell, step: str, *roles: str) -> None:
    for role in roles:
        shell("rollout", "sign-off", "--step", step, "--role", role, "--reason", REASON)


def advance(shell: Shell, step: str) -> None:
    """All five agree, and the step begins."""
    sign_off(shell, step, *ROLES)
    shell("rollout", "advance", "--reason", REASON)
    assert shell.json("rollout", "status")["step"] == step


def alert(module: str) -> dict[str, Any]:
    """What Alertmanager sends."""
    return {
        "version": "4",
        "groupKey": '{}:{alertname="Denials"}',
        "status": "firing",
        "receiver": "entitlements-rollback",
        "alerts": [
            {
                "status": "firing",
                "labels": {"alertname": "Denials", "rollback": "module", "module": module},
                "annotations": {"summary": "403 spike: more than 10 × the baseline"},
                "startsAt": "2026-03-02T12:00:00Z",
                "endsAt": "0001-01-01T00:00:00Z",
                "fingerprint": "c4a7d2b1e0f39685",
            }
        ],
    }


def test_the_walk_through_the_plan(shell: Shell, live: LiveServer) -> None:
    """Off, watched, 5 %, 25 % and back by an alert, 100 %: who has the module never notices."""
    checking = live.as_role("service", sub="erp")
    advance(shell, "1")
    enforced_for(checking)
    advance(shell, "2")
    enforced_for(checking)

    advance(shell, "3a")
    enforced_for(checking, EARLY)
    told = shell("rollout", "messages", "--template", "early-access", "--percent", "5").stdout
    assert [row.split(",")[0] for row in told.splitlines()] == ["org_id", str(EARLY)]

    sign_off(shell, "3b", *ROLES[1:])
    refused = shell.refusal("rollout", "advance", "--reason", REASON)
    assert (refused["code"], refused["missing"]) == ("sign_off_missing", [ROLES[0]])
    assert shell.json("rollout", "status")["step"] == "3a"
    sign_off(shell, "3b", ROLES[0])
    shell("rollout", "advance", "--reason", REASON)
    enforced_for(checking, EARLY, NEXT)

    alertmanager = live.as_role("service", sub="alertmanager")
    fired = [alertmanager.post("/api/v1/admin/rollout/rollback", json=alert("hr")) for _ in "12"]
    assert [answer.status_code for answer in fired] == [200, 200]
    enforced_for(checking)
    enforced_for(checking, EARLY, NEXT, key="manufacturing")
    history = shell.json("rollout", "history", "--org", EARLY, "--key", "hr")
    assert history["ruling"]["rule"] == "exempt_module"
    newest, before = history["events"][:2]
    assert newest["actor"] == "alertmanager"
    assert "'Denials'" in newest["reason"]
    assert before["actor"].startswith("cli:")  # the alert that came twice acted once

    shell("rollout", "set", "--include-module", "hr", "--reason", REASON)
    advance(shell, "3c")
    enforced_for(checking, EARLY, NEXT, LAST)
    enforced_for(checking, key="crm")
