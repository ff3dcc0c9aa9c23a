"""Clients that nobody here wrote read flags: OpenFeature's for Node, and for a browser."""

import json
import os
import queue
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from infra.tokens import sign_token
from tests.api.calls import command
from tests.live import LiveServer

pytestmark = pytest.mark.one_server
CLIENTS = Path(__file__).parents[1] / "clients"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
DEADLINE_SECONDS = 120


@pytest.fixture(scope="module")
def node() -> str:
    """Node, with the locked packages beside the scripts; they are installed once."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        pytest.skip("node and npm are not installed")
    installed, lock = CLIENTS / "node_modules" / ".installed", CLIENTS / "package-lock.json"
    if not installed.exists() or installed.read_bytes() != lock.read_bytes():
        command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        done = subprocess.run(command, cwd=CLIENTS, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            pytest.skip(f"npm could not install the clients: {done.stderr.strip()[-300:]}")
        shutil.copyfile(lock, installed)
    return node


@pytest.fixture(scope="module")
def browser() -> str:
    """A browser of Chromium's kind."""
    found = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip(f"no browser is installed; looked for {', '.join(BROWSERS)}")
    return found


def resolved(node: str, live: LiveServer, asked: list[Any]) -> list[dict[str, Any]]:
    """What OpenFeature's SDK for servers makes of each (key, fallback, context)."""
    token = sign_token(live.settings, role="service")
    given = json.dumps({"address": live.address, "token": token, "asked": asked})
    done = subprocess.run(
        [node, "resolve.mjs", given],
        cwd=CLIENTS,
        capture_output=True,
        text=True,
        check=False,
        timeout=DEADLINE_SECONDS,
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_a_server_in_javascript_resolves_what_the_ledger_says(
    node: str, live: LiveServer, staff: httpx.Client, org: int
) -> None:
    """For an org and for a user of it, whatever the fallback is; errors say what is wrong."""
    command(staff, org, "grant", key="crm")
    contexts = [{"targetingKey": str(org)}, {"targetingKey": "ada", "org_id": org}]
    wanted = {"crm": (True, "enabled"), "hr": (False, "disabled"), "email": (True, "always_on")}
    asked: list[list[Any]] = [
        [key, fallback, context]
        for key in wanted
        for fallback in (True, False)
        for context in contexts
    ]
    for (key, *_), found in zip(asked, resolved(node, live, asked), strict=True):
        assert (found["value"], found["variant"]) == wanted[key]
        assert "errorCode" not in found
    wrong: list[Any] = [
        ["crn", True, contexts[0]],
        ["crm", True, {}],
        ["crm", True, {"targetingKey": "!"}],
    ]
    codes = [(found["value"], found["errorCode"]) for found in resolved(node, live, wrong)]
    assert codes == [
        (True, "FLAG_NOT_FOUND"),
        (True, "TARGETING_KEY_MISSING"),
        (True, "INVALID_CONTEXT"),
    ]
    command(staff, org, "revoke", key="crm")
    assert resolved(node, live, [["crm", True, contexts[0]]])[0]["value"] is False


class Browsing:
    """A page in a browser; what it tells is read as it comes."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._lines: queue.Queue[str] = queue.Queue()
        self.heard: list[dict[str, Any]] = []
        assert process.stdout is not None
        self._reader = threading.Thread(target=self._read, args=[process.stdout], daemon=True)
        self._reader.start()

    def _read(self, lines: Iterator[str]) -> None:
        for line in lines:
            self._lines.put(line)

    def until(self, **wanted: Any) -> None:
        """Waits until the page shows the flag like this."""
        while True:
            try:
                told = json.loads(self._lines.get(timeout=DEADLINE_SECONDS))
            except queue.Empty:
                pytest.fail(f"{wanted} was never shown: {self.heard}")
            self.heard.append(told)
            shown = told.get("shown")
            if shown and wanted.items() <= shown.items():
                return


@contextmanager
def browsing(node: str, **given: str) -> Iterator[Browsing]:
    """A page that shows a flag, until the block is left."""
    process = subprocess.Popen(
        [node, "browse.mjs", json.dumps(given)],
        cwd=CLIENTS,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "NODE_NO_WARNINGS": "1"},
    )
    try:
        yield Browsing(process)
    finally:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.close()
        try:
            process.wait(timeout=DEADLINE_SECONDS)
        finally:
            process.kill()
        process.stdout.close()


def test_a_revoke_changes_a_page_that_is_open(
    node: str, browser: str, live: LiveServer, staff: httpx.Client, org: int
) -> None:
    """From another origin, by the token of one of the org's people, and without loading again."""
    command(staff, org, "grant", key="crm")
    token = sign_token(live.settings, role="user", org=str(org))
    with browsing(
        node, browser=browser, address=live.address, token=token, org=str(org), key="crm"
    ) as page:
        page.until(value=True, variant="enabled")
        command(staff, org, "revoke", key="crm")
        page.until(value=False, variant="disabled")
        command(staff, org, "grant", key="crm")
        page.until(value=True, variant="enabled")
    assert sum("loaded" in told for told in page.heard) <= 1
    assert not [told for told in page.heard if "error" in told]
    asked = [(told["asked"], told["status"]) for told in page.heard if "asked" in told]
    assert ("GET /ofrep/v1/events", 200) in asked
    assert asked.count(("POST /ofrep/v1/evaluate/flags", 200)) >= 3
