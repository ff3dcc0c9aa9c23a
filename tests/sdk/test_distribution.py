"""The SDK as a distribution of its own: light, typed, and at home beside anybody's packages."""

import subprocess
import sys
import tomllib
from pathlib import Path
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).resolve().parents[2]
SDK = ROOT / "consumers" / "sdk"
PYTHONS = ("3.11", "3.12", "3.13")

# A service that has packages of the same names as our rooms.
SERVICE = """
import api.routes, domain.orders, infra
from entitlements_sdk import Entitlements, FakeEntitlements
import entitlements_sdk, sys
assert domain.orders.MINE and api.routes.MINE
assert "site-packages" in entitlements_sdk.__file__, entitlements_sdk.__file__
extras = ("fastapi", "starlette", "jwt", "kafka")
assert not [name for name in sys.modules if name.startswith(extras)]
print(FakeEntitlements(keys=["crm"]), sys.version_info[:2])
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel as it would be published."""
    directory = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", directory],
        cwd=SDK,
        check=True,
        capture_output=True,
    )
    (built,) = directory.glob("*.whl")
    return built


def test_the_wheel_holds_the_package_its_marker_and_nothing_else(wheel: Path) -> None:
    names = ZipFile(wheel).namelist()
    assert {name.partition("/")[0] for name in names if ".dist-info/" not in name} == {
        "entitlements_sdk"
    }
    assert "entitlements_sdk/py.typed" in names
    assert any(name.endswith("entry_points.txt") for name in names)


def test_the_core_needs_httpx_alone() -> None:
    project = tomllib.loads((SDK / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["dependencies"] == ["httpx>=0.27,<1"]
    assert set(project["optional-dependencies"]) >= {"fastapi", "jwt", "kafka", "prometheus"}


def interpreter(version: str) -> str | None:
    """A Python of this version that really starts; shims may stand for nothing."""
    script = "import sys, venv; print(sys.executable)"
    managed = sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python"))
    for name in (f"python{version}", *map(str, managed)):
        try:
            done = subprocess.run([name, "-c", script], capture_output=True, text=True, check=False)
        except OSError:
            continue
        if done.returncode == 0:
            return done.stdout.strip()
    return None


@pytest.mark.parametrize("version", PYTHONS)
def test_it_lives_beside_a_service_with_packages_of_our_names(
    wheel: Path, tmp_path: Path, version: str
) -> None:
    """A fresh environment; httpx and what it needs are lent from ours, as they are pure Python."""
    python = interpreter(version)
    if python is None:
        pytest.skip(f"Python {version} is not installed")
    environment = tmp_path / "venv"
    subprocess.run([python, "-m", "venv", "--without-pip", environment], check=True)
    (site,) = (environment / "lib").glob("python*/site-packages")
    ZipFile(wheel).extractall(site)
    ours = Path(pytest.__file__).parents[1]
    for name in ("httpx", "httpcore", "h11", "anyio", "certifi", "idna", "typing_extensions.py"):
        (site / name).symlink_to(ours / name)
    for package, module in (("domain", "orders"), ("api", "routes"), ("infra", "mine")):
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").touch()
        (tmp_path / package / f"{module}.py").write_text("MINE = True\n", encoding="utf-8")
    (tmp_path / "service.py").write_text(SERVICE, encoding="utf-8")
    done = subprocess.run(
        [environment / "bin" / "python", "service.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert f"({version.replace('.', ', ')})" in done.stdout
