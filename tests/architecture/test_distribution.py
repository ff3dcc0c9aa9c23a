"""What is installed, and what is installed beside it."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from zipfile import ZipFile

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.architecture.sources import ROOMS, ROOT

PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
DECLARED = [
    *PYPROJECT["project"]["dependencies"],
    *PYPROJECT["dependency-groups"]["dev"],
    *PYPROJECT["build-system"]["requires"],
]
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")


def locked() -> dict[str, str]:
    """The pinned version of each distribution in the lock."""
    pins = re.findall(r"^([A-Za-z0-9._-]+)==([^ ;\\]+)", LOCK, flags=re.MULTILINE)
    return {canonicalize_name(name): version for name, version in pins}


def test_the_lock_names_no_registry() -> None:
    assert "://" not in LOCK
    assert not re.search(r"^\s*-(-index|-extra-index|-find-links|i\b|f\b)", LOCK, re.MULTILINE)


def test_the_lock_has_a_hash_for_every_version() -> None:
    logical_lines = LOCK.replace("\\\n", " ").splitlines()
    pins = [line for line in logical_lines if line.strip() and not line.startswith("#")]
    assert len(pins) == len(locked())
    assert [line for line in pins if "--hash=sha256:" not in line] == []


@pytest.mark.parametrize("declared", DECLARED)
def test_the_lock_satisfies_what_is_declared(declared: str) -> None:
    """When this fails, `make lock`."""
    requirement = Requirement(declared)
    version = locked().get(canonicalize_name(requirement.name))
    assert version is not None
    assert requirement.specifier.contains(version)


def test_the_wheel_holds_the_rooms_and_nothing_else(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (wheel,) = tmp_path.glob("*.whl")
    names = ZipFile(wheel).namelist()
    tops = {name.partition("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == set(ROOMS)
    assert [name for name in names if name.startswith("consumers/sdk/")] == []
