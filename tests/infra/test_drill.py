"""The kill switch drill itself, small: who is watched, what it says, and what it fails on."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from infra.drill.times import LONGEST_SECONDS, Seen, Times

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 240.0  # seconds; a deadline for a machine that is busy, and no claim about speed


def times(*seconds: float | None) -> Times:
    """One change, and how long each of so many processes took."""
    seen = [
        Seen(who=f"server {number}", change="kill", round=1, seconds=each)
        for number, each in enumerate(seconds, start=1)
    ]
    return Times(seen)


def test_two_rounds_are_obeyed_by_everybody_and_nothing_stays(tmp_path: Path) -> None:
    """Servers and SDKs through the ledger, servers by the file once PostgreSQL is stopped."""
    below = tmp_path / "below"
    below.mkdir()
    words = ["--rounds", "2", "--servers", "2", "--sdks", "1", "--json", "--below", str(below)]
    done = subprocess.run(
        [sys.executable, "-m", "infra.drill", *words],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        cwd=ROOT,
        check=False,
    )

    said = json.loads(done.stdout or "null")
    assert said is not None, done.stderr
    assert said["by_ledger"]["observations"] == 2 * 2 * (2 + 1)
    assert said["by_file"]["observations"] == 2 * 2 * 2
    assert said["by_ledger"]["never"] == said["by_file"]["never"] == []
    assert done.returncode == (0 if said["passed"] else 1)
    assert list(below.iterdir()) == []


@pytest.mark.parametrize(
    ("seconds", "passed"),
    [
        ([0.1] * 400, True),
        ([0.1] * 396 + [6.0] * 4, True),
        ([0.1] * 390 + [6.0] * 10, False),
        ([0.1] * 399 + [None], False),
    ],
)
def test_one_in_a_hundred_may_be_late_and_nobody_may_disobey(
    seconds: list[float | None], passed: bool
) -> None:
    assert times(*seconds).passed is passed


def test_the_worst_is_named() -> None:
    said = times(0.2, None, 0.1).as_json()
    assert said["worst"] == {"who": "server 2", "change": "kill", "round": 1}
    assert said["worst_seconds"] == LONGEST_SECONDS
    assert [each["who"] for each in said["never"]] == ["server 2"]
