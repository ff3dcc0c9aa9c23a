"""The broker's process ends with ours, however ours ends; a stand-in for the broker is enough."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from infra.postgres.kernel import LINUX
from tests.infra.postgres.world import PATIENCE

ROOT = Path(__file__).resolve().parents[3]
_OWNER = """
import os, subprocess, sys, time
up = "import time; print('up', flush=True); time.sleep(600)"
words = sys.argv[1:] + [sys.executable, "-c", up]
child = subprocess.Popen(words, stdout=subprocess.PIPE)
child.stdout.readline()
print(child.pid, flush=True)
time.sleep(600)
"""


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.skipif(not LINUX, reason="only Linux tells a child that its parent ended")
@pytest.mark.parametrize("launched", [True, False], ids=["ours", "mutant-without-launcher"])
def test_a_broker_ends_with_its_owner(launched: bool) -> None:
    """The owner is killed (-9); without the launcher its child lives on."""
    code = _OWNER
    launcher = [sys.executable, str(ROOT / "infra" / "kafka" / "launcher.py")]
    if launched:
        code = code.replace("sys.argv[1:] +", "[*sys.argv[1:], str(os.getpid())] +")
    with subprocess.Popen(
        [sys.executable, "-c", code, *(launcher if launched else [])],
        stdout=subprocess.PIPE,
        text=True,
    ) as owner:
        assert owner.stdout is not None
        pid = int(owner.stdout.readline())
        assert is_running(pid)
        owner.kill()
    deadline = time.monotonic() + (PATIENCE if launched else 0.5)
    while is_running(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    alive = is_running(pid)
    if alive:
        os.kill(pid, 9)
    assert alive != launched
