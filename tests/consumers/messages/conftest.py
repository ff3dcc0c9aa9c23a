"""Programs of other people: npm packages, fetched once per user, and what is installed."""

import shutil
import subprocess
import time
from pathlib import Path

import pytest

from infra.kafka.embedded import CACHE
from infra.postgres import locks

PACKAGES = ("@asyncapi/parser@3.6.0", "cloudevents@10.0.0", "kafkajs@2.2.4")
WITHIN_SECONDS = 120.0


@pytest.fixture(scope="session")
def node_modules() -> Path:
    """A directory from which Node finds the packages."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        pytest.skip("node and npm are not installed")
    wanted = CACHE / "node-1"
    CACHE.mkdir(parents=True, exist_ok=True)
    with locks.exclusive(CACHE / "node.lock", deadline=time.monotonic() + WITHIN_SECONDS) as alone:
        if not alone:
            pytest.skip("another process has been fetching npm packages all the time")
        if not (wanted / "whole").exists():
            _install(npm, wanted)
    return wanted


def _install(npm: str, wanted: Path) -> None:
    wanted.mkdir(exist_ok=True)
    (wanted / "package.json").write_text('{"private": true}\n', "utf-8")
    words = [npm, "install", "--no-audit", "--no-fund", "--ignore-scripts", *PACKAGES]
    try:
        done = subprocess.run(
            words, cwd=wanted, capture_output=True, text=True, timeout=WITHIN_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        pytest.skip("npm did not fetch the packages in time")
    if done.returncode != 0:
        pytest.skip(f"npm could not fetch the packages: {done.stderr[-300:]}")
    (wanted / "whole").touch()
