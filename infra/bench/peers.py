"""Engines of others, installed beside the benchmark and asked in processes of their own."""

import json
import subprocess
import sys
import venv
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from infra.bench import peer_answers
from infra.bench.rounds import Sample
from infra.bench.threads import in_thread

PLACE = Path(__file__).parents[2] / ".bench-venv"
PACKAGES = {
    "flagsmith-flag-engine": "flagsmith-flag-engine==11.1.1",
    "cedarpy": "cedarpy==4.12.2",
    "UnleashClient": "UnleashClient==6.9.1",
    "growthbook": "growthbook==4.0.0",
    "pycasbin": "pycasbin==2.8.0",
    "opa-eval": "opa-eval==0.1.1",
    "openfeature-provider-flagd": "openfeature-provider-flagd==0.6.1",
}
CERBOS = "@cerbos/cerbos-linux-x64@0.55.0"
_INSTALL_SECONDS = 300


class Left:
    """Peers that are left out, each with the reason."""

    def __init__(self) -> None:
        self.out: dict[str, str] = {}

    def say(self, peer: str, why: str) -> None:
        """Leave one out, and say so."""
        self.out[peer] = why
        sys.stderr.write(f"Left out: {peer} ({why})\n")


def installed(left: Left) -> dict[str, Path]:
    """A Python for every peer that could be installed; a second run finds them there."""
    found = {}
    for peer, package in PACKAGES.items():
        directory = PLACE / peer
        done = directory / package
        if not done.exists():
            why = _install(directory, package)
            if why:
                left.say(peer, why)
                continue
            done.touch()
        found[peer] = directory / "bin" / "python"
    return found


def _install(directory: Path, package: str) -> str | None:
    try:
        venv.create(directory, with_pip=True, clear=True)
        pip = [str(directory / "bin" / "python"), "-m", "pip", "install", "--quiet"]
        _run([*pip, "--disable-pip-version-check", package])
    except (OSError, subprocess.SubprocessError) as error:
        return f"it cannot be installed: {_reason(error)}"
    return None


def installed_cerbos(left: Left) -> Path | None:
    """Cerbos's server, from the package that brings its binary."""
    directory = PLACE / "cerbos"
    binary = directory / "node_modules" / "@cerbos" / "cerbos-linux-x64" / "cerbos-linux-x64"
    if not binary.exists():
        directory.mkdir(parents=True, exist_ok=True)
        try:
            npm = ["npm", "install", "--prefix", str(directory), "--no-audit", "--no-fund"]
            _run([*npm, "--silent", CERBOS])
        except (OSError, subprocess.SubprocessError) as error:
            left.say("Cerbos", f"it cannot be installed: {_reason(error)}")
            return None
    return binary if binary.exists() else None


def _run(words: Sequence[str]) -> None:
    subprocess.run(words, check=True, capture_output=True, text=True, timeout=_INSTALL_SECONDS)


def _reason(error: Exception) -> str:
    said = getattr(error, "stderr", None) or str(error)
    return str(said).strip().splitlines()[-1][:120] if str(said).strip() else type(error).__name__


class Peer:
    """One engine in a process of its own, ready to answer the same questions again."""

    def __init__(self, child: "subprocess.Popen[str]", *, questions: int) -> None:
        self._child = child
        self._questions = questions

    async def sample(self) -> Sample:
        """All questions once."""
        seconds = await in_thread(self._round)
        return Sample(self._questions, seconds)

    def _round(self) -> float:
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        self._child.stdin.write("\n")
        self._child.stdin.flush()
        return float(self._child.stdout.readline())


@contextmanager
def answering(
    pythons: Mapping[str, Path], model: Mapping[str, Any], expected: str, left: Left
) -> Iterator[dict[str, Peer]]:
    """The peers that give the expected answers; a wrong one is left out, and that is said."""
    children: dict[str, subprocess.Popen[str]] = {}
    try:
        ready = {}
        for peer, python in pythons.items():
            children[peer] = child = subprocess.Popen(
                [str(python), str(Path(peer_answers.__file__))],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                start_new_session=True,
            )
            assert child.stdin is not None
            assert child.stdout is not None
            child.stdin.write(json.dumps({"peer": peer, **model}) + "\n")
            child.stdin.flush()
            said = child.stdout.readline().strip()
            if said == expected:
                ready[peer] = Peer(child, questions=len(expected))
            else:
                why = said[1:] if said.startswith("!") else "its answers are not the ledger's"
                left.say(peer, why or "it ended")
        yield ready
    finally:
        for child in children.values():
            child.kill()
            child.communicate()
