"""What else a process needs: a data directory, files that are named, and keys."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from infra.catalog import default_document
from infra.cli.checks.finding import Finding
from infra.settings import Settings, SettingsProblem
from infra.wiring import first_catalog

_LITTLE_BYTES = 1 << 30


def check_surroundings(settings: Settings) -> Iterator[Finding]:
    """A finding for each thing outside the database that these settings need."""
    yield _data_directory(settings.data_dir)
    yield _tokens(settings)
    if settings.catalog_file is not None:
        yield _catalog_file(settings, settings.catalog_file)
    if settings.redis_url is not None:
        yield _redis(settings.redis_url)


def _data_directory(directory: Path) -> Finding:
    name = "data directory"
    standing = next(path for path in (directory, *directory.absolute().parents) if path.exists())
    if not standing.is_dir() or not os.access(standing, os.W_OK | os.X_OK):
        mend = "Set LEDGER_DATA_DIR to a directory that this user may write to."
        return Finding.problem(name, f"{standing} cannot be written to", mend=mend)
    free = shutil.disk_usage(standing).free
    found = f"{directory.absolute()}, {free / (1 << 30):.1f} GiB free"
    if free < _LITTLE_BYTES:
        return Finding.warn(name, found, mend="Make room; a full disk stops every write.")
    return Finding.ok(name, found)


def _tokens(settings: Settings) -> Finding:
    from infra.clock import LedgerClock
    from infra.tokens import verifier

    kinds = (settings.jwt_secret, settings.jwt_public_key_file, settings.jwks_url)
    if not any(kinds):
        where = settings.data_dir / "jwt_secret"
        return Finding.ok("tokens", f"signed with a secret of its own, kept in {where}")
    try:
        verifier(settings, clock=LedgerClock())
    except SettingsProblem as problem:
        return Finding.problem("tokens", str(problem), mend="Correct that variable.")
    return Finding.ok("tokens", "the key they are verified with can be used")


def _catalog_file(settings: Settings, path: Path) -> Finding:
    try:
        modules = len(first_catalog(settings).get("modules", ()))
    except SettingsProblem as problem:
        return Finding.problem("catalog file", str(problem), mend="Correct LEDGER_CATALOG_FILE.")
    shipped = len(default_document()["modules"])
    return Finding.ok("catalog file", f"{path}: {modules} modules ({shipped} are shipped)")


def _redis(url: str) -> Finding:
    from redis import Redis
    from redis.exceptions import RedisError

    from infra.sharing.shared import MEND

    try:
        with Redis.from_url(url, socket_timeout=3, socket_connect_timeout=3) as redis:
            version = redis.info("server")["redis_version"]
    except (RedisError, OSError, ValueError) as error:
        return Finding.warn("redis", f"does not answer: {type(error).__name__}", mend=MEND)
    return Finding.ok("redis", f"Redis {version} answers")
