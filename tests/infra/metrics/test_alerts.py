"""The alerts that come along fire when they should: promtool's own tests of them."""

import shutil
import subprocess
from pathlib import Path

import pytest

PROMTOOL = shutil.which("promtool")
RULES = Path(__file__).parents[3] / "infra" / "prometheus"

pytestmark = pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed")


@pytest.mark.parametrize(("what", "file"), [("check", "alerts.yml"), ("test", "alerts_test.yml")])
def test_the_alerts_hold(what: str, file: str) -> None:
    assert PROMTOOL is not None
    typed = [PROMTOOL, what, "rules", file]
    done = subprocess.run(typed, cwd=RULES, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
