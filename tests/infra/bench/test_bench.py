"""The benchmark itself, small: the structure of what it says, never a time."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
PATIENCE = 180.0  # seconds; a deadline for a machine that is busy, and no claim about speed


def bench(*words: str) -> "subprocess.Popen[str]":
    """A benchmark under way."""
    return subprocess.Popen(
        [sys.executable, "-m", "infra.bench", "--quick", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )


@pytest.fixture
def below(tmp_path: Path) -> Path:
    """An empty directory for the benchmark's own."""
    path = tmp_path / "below"
    path.mkdir()
    return path


def test_appends_are_measured_beside_their_references(tmp_path: Path, below: Path) -> None:
    """Every figure with at least three rounds of both; the bounds are those of the spec."""
    file = tmp_path / "figures.json"
    with bench("--only", "append", "--json", str(file), "--below", str(below)) as process:
        out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, err

    said = json.loads(file.read_text(encoding="utf-8"))
    targets = {}
    for figure in said["figures"]:
        rounds, reference = figure["rounds"], figure["reference"]
        assert figure["part"] == "append"
        assert len(rounds) == len(reference["rounds"]) >= 3
        assert all(number > 0 for number in [*rounds, *reference["rounds"], figure["ratio"]])
        assert f"| {figure['what']} " in out
        if figure["target"]:
            targets[figure["what"], reference["what"]] = figure["target"]["bound"]
    assert said["quick"] is True
    assert {"cores", "python", "postgresql", "kernel", "file_system"} <= set(said["machine"])
    assert targets == {
        ("16 waiting", "bare INSERTs, 16 threads"): 1.0,
        ("64 waiting", "bare INSERTs, 16 threads"): 2.5,
        ("alone, p99", "bare INSERTs, 1 thread, p99"): 5.0,
    }
    assert list(below.iterdir()) == []


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_leaves_nothing_behind(below: Path, how: signal.Signals) -> None:
    """The server is stopped and its directory removed before the process ends."""
    with bench("--only", "map", "--below", str(below)) as process:
        assert process.stderr is not None
        process.stderr.readline()  # the machine: the database runs by now
        assert list(below.iterdir()) != []
        process.send_signal(how)
        process.communicate(timeout=PATIENCE)

    assert process.returncode != 0
    assert list(below.iterdir()) == []
