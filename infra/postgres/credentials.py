"""The passwords of both roles, made once per data directory and known to nobody else."""

import json
import os
import secrets
from dataclasses import asdict, dataclass, field

from infra.postgres.layout import Layout
from infra.postgres.locks import open_private, write_whole


@dataclass(frozen=True)
class Credentials:
    """Random, and free of characters that SQL or a URL would have quoted."""

    owner: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)
    app: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)


def read(layout: Layout) -> Credentials | None:
    """The passwords in the data directory; None when there are none yet."""
    try:
        return Credentials(**json.loads(layout.credentials.read_bytes()))
    except FileNotFoundError:
        return None


def write(layout: Layout, credentials: Credentials) -> None:
    """Keep `credentials`, whole or not at all, readable by the owner of the directory only."""
    new = layout.credentials.with_suffix(".new")
    new.unlink(missing_ok=True)
    fd = open_private(new, os.O_WRONLY)
    try:
        write_whole(fd, json.dumps(asdict(credentials)).encode())
        os.fsync(fd)
    finally:
        os.close(fd)
    new.replace(layout.credentials)
