"""Where clients find the server: one address per data directory, the same after every restart."""

import contextlib
import hashlib
import os
import stat
from pathlib import Path
from urllib.parse import quote

from infra.postgres.errors import UnsafeSocketDirectory
from infra.postgres.layout import Layout

PORT = 5432  # only the name of the socket: nothing listens on TCP
DATABASE = "ledger"
OWNER_ROLE = "ledger_owner"
APP_ROLE = "ledger_app"

# sun_path holds 108 bytes on Linux and 104 elsewhere, its final zero included.
_LONGEST = 103
# Not tempfile.gettempdir(): TMPDIR differs between shells, and the address must not.
_SHORT = Path("/tmp")  # noqa: S108  made safe by `make_private` and `check_private`


def socket_path(directory: Path) -> Path:
    return directory / f".s.PGSQL.{PORT}"


def socket_dir(layout: Layout) -> Path:
    """Inside the data directory; in /tmp, named after it, when that path is no address."""
    path = os.fsencode(socket_path(layout.run))
    if len(path) <= _LONGEST and b"," not in path:  # libpq takes a comma for two hosts
        return layout.run
    name = hashlib.sha256(os.fsencode(layout.root)).hexdigest()[:16]
    return _SHORT / f"ledger-pg-{name}"  # never rename


def url(directory: Path, *, role: str, password: str) -> str:
    """A libpq URL; it names the port because PGPORT would be used otherwise."""
    host = quote(str(directory), safe="")
    return f"postgresql://{role}:{password}@/{DATABASE}?host={host}&port={PORT}"


def make_private(directory: Path, *, uid: int, gid: int) -> None:
    """Make `directory` 0700 and of `uid`, or find it so.

    Raises:
        UnsafeSocketDirectory: it is a symlink, or was made by somebody else.
    """
    with contextlib.suppress(FileExistsError):
        directory.mkdir(mode=0o700)
    try:
        fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        raise UnsafeSocketDirectory(str(directory), str(error)) from error
    try:
        # Root may have been killed between mkdir and fchown; nobody else can be root's owner.
        if os.fstat(fd).st_uid == os.geteuid() and uid != os.geteuid():
            os.fchown(fd, uid, gid)
        check_private(os.fstat(fd), directory, uid=uid)
    finally:
        os.close(fd)


def check_private(found: os.stat_result, directory: Path, *, uid: int) -> None:
    """Refuse a directory in which anybody but `uid` could have put a socket.

    Raises:
        UnsafeSocketDirectory: with what is wrong.
    """
    if not stat.S_ISDIR(found.st_mode):
        raise UnsafeSocketDirectory(str(directory), "it is not a directory")
    if found.st_uid != uid:
        raise UnsafeSocketDirectory(
            str(directory), f"it belongs to uid {found.st_uid} and not to uid {uid}"
        )
    if stat.S_IMODE(found.st_mode) & 0o077:
        raise UnsafeSocketDirectory(str(directory), "it is open to others")
