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


def test_the_audit_log_is_looked_through_at_two_lengths(tmp_path: Path) -> None:
    """The bounds are those of the spec; growth is bound by the logarithm of the length."""
    file = tmp_path / "figures.json"
    with bench("--only", "audit", "--json", str(file)) as process:
        _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, err

    bounds: dict[str, set[tuple[str, float]]] = {}
    for figure in json.loads(file.read_text(encoding="utf-8"))["figures"]:
        assert len(figure["rounds"]) == len(figure["reference"]["rounds"]) >= 1
        name = figure["what"].split(", ")[0]
        if figure["target"]:
            target = figure["target"]
            bounds.setdefault(name, set()).add((target["of"], round(target["bound"], 3)))
    page = {("value", 3.0), ("value", 20.0), ("ratio", 1.5), ("ratio", 1.145)}
    questions = ("one org's history", "an actor's week", "a module's revocations")
    assert [bounds.pop(name) for name in questions] == [page] * 3
    assert sorted(target for targets in bounds.values() for target in targets) == [
        ("ratio", 0.2),
        ("value", 25.0),
        ("value", 25.0),
        ("value", 250_000),
    ]


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


def test_it_runs_on_the_postgresql_that_the_settings_name(
    below: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEDGER_PG_BIN", str(below / "nothing"))
    with bench("--only", "load", "--below", str(below)) as process:
        _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode != 0
    assert "No PostgreSQL 15 or newer was found" in err
    assert str(below / "nothing") in err
    assert list(below.iterdir()) == []
