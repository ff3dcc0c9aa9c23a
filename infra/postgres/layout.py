"""What lies where in a data directory, and whether the directory is ours at all.

data_dir/             0700, or 0711 when root makes it
├── ledger-postgres   says that the directory is ours; made first
├── credentials.json  0600, the passwords of both roles
├── *.lock            see the README
├── supervisor.log    of the supervisor, and what the server says before its own log is open
└── pg/               0700, belongs to whoever the server runs as
    ├── data/         PostgreSQL's own; comes into being by a rename, so it is whole or absent
    ├── log/          one file per day of the week
    ├── run/          the socket, when its path is short enough
    └── new-*/        an initdb that was interrupted; swept at the next start
"""

import os
from dataclasses import dataclass
from pathlib import Path

from infra.postgres.errors import DirectoryNotOurs
from infra.postgres.locks import open_private, write_whole

MARKER = "ledger-postgres"  # never rename
_TEXT = b"PostgreSQL of the Entitlements Ledger. Run and stopped by its holders; do not edit.\n"


@dataclass(frozen=True)
class Layout:
    """The files of one data directory; `root` is absolute and free of symlinks."""

    root: Path

    @property
    def marker(self) -> Path:
        return self.root / MARKER

    @property
    def credentials(self) -> Path:
        return self.root / "credentials.json"

    @property
    def supervisor_log(self) -> Path:
        return self.root / "supervisor.log"

    @property
    def holders_lock(self) -> Path:
        """Shared by every holder; the supervisor has it alone when nobody holds any more."""
        return self.root / "holders.lock"

    @property
    def start_lock(self) -> Path:
        """Had by the one holder that is starting a supervisor."""
        return self.root / "start.lock"

    @property
    def supervisor_lock(self) -> Path:
        """Had by the supervisor as long as it lives."""
        return self.root / "supervisor.lock"

    @property
    def server_lock(self) -> Path:
        """Had by the server and all its backends, which inherit it, as long as one lives."""
        return self.root / "server.lock"

    @property
    def pg(self) -> Path:
        return self.root / "pg"

    @property
    def data(self) -> Path:
        return self.pg / "data"

    @property
    def log(self) -> Path:
        return self.pg / "log"

    @property
    def run(self) -> Path:
        return self.pg / "run"

    def has_cluster(self) -> bool:
        return (self.data / "PG_VERSION").is_file()

    def log_tail(self, *, lines: int = 15) -> str:
        """The last lines of whichever logs there are, for an error message."""
        logs = sorted(self.log.glob("*.log"), key=lambda path: path.stat().st_mtime)[-1:]
        return "\n".join(_tail(path, lines) for path in [self.supervisor_log, *logs])


def claim(data_dir: Path) -> Layout:
    """Make `data_dir`, or recognise it as ours.

    Raises:
        DirectoryNotOurs: it holds something else, or this user may not use it.
    """
    root = Path(os.path.realpath(data_dir))
    try:
        root.parent.mkdir(parents=True, exist_ok=True)
        _make(root)
        layout = Layout(root)
        # Of two that start at once, one may list what the other makes: the marker comes first.
        if any(root.iterdir()) and not layout.marker.exists():
            raise DirectoryNotOurs(
                str(root),
                f"it is not empty and has no file `{MARKER}`. Choose an empty or new one.",
            )
        _write_marker(layout)
    except OSError as error:
        raise DirectoryNotOurs(
            str(root), f"{error}. Run as the user that made it, or choose another one."
        ) from error
    return layout


def _make(root: Path) -> None:
    # 0711: when root makes it, the server runs as somebody else and has to pass through to pg/.
    mode = 0o711 if os.geteuid() == 0 else 0o700
    try:
        root.mkdir(mode=mode)
    except FileExistsError:
        return
    root.chmod(mode)  # mkdir is subject to the umask


def _write_marker(layout: Layout) -> None:
    fd = open_private(layout.marker, os.O_RDWR)
    try:
        if os.fstat(fd).st_size == 0:
            write_whole(fd, _TEXT)
    finally:
        os.close(fd)


def _tail(path: Path, lines: int) -> str:
    try:
        return "\n".join(path.read_text(errors="replace").splitlines()[-lines:])
    except OSError:
        return ""
