"""The ground the benchmark stands on: a server of its own in a directory that goes again."""

import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from secrets import token_urlsafe

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from infra.database import Database
from infra.migrations.run import migrate
from infra.postgres import EmbeddedPostgres, locks
from infra.postgres.layout import Layout
from infra.settings import Settings
from infra.wiring import FIRST_START, Parts, first_catalog, running

_GONE_WITHIN = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """How much is measured: `seconds` is how long one closed loop runs.

    `logs` are the lengths, in events, at which the audit log is looked through.
    """

    rounds: int
    seconds: float
    orgs: int
    imported_orgs: int
    history: int
    logs: tuple[int, int]

    @property
    def few_rounds(self) -> int:
        """For what takes long anyway."""
        return min(self.rounds, 3)


FULL = Sizes(
    rounds=5,
    seconds=1.0,
    orgs=2_000,
    imported_orgs=2_000,
    history=1_000,
    logs=(100_000, 1_000_000),
)
QUICK = Sizes(rounds=3, seconds=0.1, orgs=256, imported_orgs=60, history=40, logs=(2_000, 6_000))


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What every part is given. `told` hears what is being done, for whoever is watching."""

    server: EmbeddedPostgres
    settings: Settings
    sizes: Sizes
    told: Callable[[str], None] = lambda doing: None
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def new_database(self) -> Database:
        """An empty, migrated database."""
        name = f"bench_{next(self._numbers)}"
        maintenance = _other(self.server.owner_url, "postgres")
        with psycopg.connect(maintenance, autocommit=True) as admin:
            admin.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE ledger").format(sql.Identifier(name))
            )
        return Database(
            app_url=_other(self.server.app_url, name),
            owner_url=_other(self.server.owner_url, name),
            embedded=None,
        )

    def settings_for(self, where: Database) -> Settings:
        """Settings of a process that works on `where`, with a data directory for it alone."""
        name = str(conninfo_to_dict(where.app_url)["dbname"])
        return self.settings.model_copy(
            update={
                "database_url": where.app_url,
                "migration_database_url": where.owner_url,
                "data_dir": self.settings.data_dir / name,
            }
        )

    @asynccontextmanager
    async def started(self, where: Database) -> AsyncIterator[Parts]:
        """A running ledger with the shipped catalog."""
        async with running(self.settings_for(where), where) as parts:
            if parts.shelf.version == 0:
                await parts.ledger.publish_catalog(first_catalog(self.settings), by=FIRST_START)
            yield parts

    def watched(self, told: Callable[[str], None]) -> "Ground":
        """The same ground, with somebody watching."""
        return replace(self, told=told)


@contextmanager
def ground(
    sizes: Sizes, *, below: Path | None = None, bin_dir: Path | None = None
) -> Iterator[Ground]:
    """A server in a new directory `below` another (absent: where temporary files go).

    `bin_dir` holds its programs (absent: they are looked for, as by the ledger itself). At the end
    the server is stopped and the directory removed, also after an interruption.
    """
    with tempfile.TemporaryDirectory(prefix="ledger-bench-", dir=below) as name:
        data_dir = Path(name, "postgres")
        try:
            with EmbeddedPostgres.hold(data_dir, bin_dir=bin_dir) as server:
                migrate(server.owner_url)
                settings = Settings(data_dir=Path(name), jwt_secret=token_urlsafe(48))
                yield Ground(server=server, settings=settings, sizes=sizes)
        finally:
            _wait_until_gone(Layout(data_dir.resolve()))


def _wait_until_gone(layout: Layout) -> None:
    """The supervisor ends once its server has ended; then nobody writes there any more."""
    deadline = time.monotonic() + _GONE_WITHIN
    while locks.is_held(layout.supervisor_lock) and time.monotonic() < deadline:
        time.sleep(0.05)


def _other(url: str, name: str) -> str:
    return url.replace("/ledger?", f"/{name}?")
