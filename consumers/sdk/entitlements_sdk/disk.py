"""A signed file of what is known, so that a service may start while the ledger is away.

Two lines: an HMAC-SHA256 in hexadecimal, and the JSON it signs. Whoever can write the file but has
not the key cannot grant anything by it. What it says is last known good and never more: bounded in
age, ended by boundaries, marked `stale`.
"""

import hashlib
import hmac
import json
import os
from collections.abc import Iterable
from pathlib import Path
from secrets import token_hex
from typing import Any, NamedTuple

from entitlements_sdk.refusals import SnapshotRefused

_FORMAT = 1
_SHORTEST_KEY = 16  # bytes
_SKEW = 5.0  # seconds by which a file may seem to come from the future
_PURPOSE = b"entitlements-sdk snapshot v1\n"  # the key may sign other things as well


class Kept(NamedTuple):
    """What the file holds: the catalog, and orgs with the wall-clock seconds they were current."""

    catalog: dict[str, Any]
    orgs: list[tuple[float, dict[str, Any]]]


class SignedFile:
    """Where to keep it, and the key that signs it.

    Args:
        path: the file; its directory must exist and be writable.
        key: at least 16 bytes that only this deployment has.

    Raises:
        ValueError: the key is too short to be one.
    """

    def __init__(self, path: str | Path, *, key: bytes) -> None:
        if len(key) < _SHORTEST_KEY:
            raise ValueError(f"the key of a signed snapshot has at least {_SHORTEST_KEY} bytes")
        self.path = Path(path)
        self._key = key

    def write(
        self,
        catalog: dict[str, Any],
        orgs: Iterable[tuple[float, dict[str, Any]]],
        *,
        saved_at: float,
    ) -> None:
        """Replace the file in one step; a crash leaves the old one or the new one.

        Raises:
            OSError: it cannot be written.
        """
        content = {"format": _FORMAT, "saved_at": saved_at, "catalog": catalog, "orgs": list(orgs)}
        body = json.dumps(content, separators=(",", ":")).encode()
        made = self.path.with_name(f".{self.path.name}.{token_hex(8)}")
        try:
            with os.fdopen(
                os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb"
            ) as file:
                file.write(self._signature(body).encode() + b"\n" + body)
                file.flush()
                os.fsync(file.fileno())
            made.replace(self.path)
        finally:
            made.unlink(missing_ok=True)

    def read(self, *, now: float, oldest_seconds: float) -> Kept:
        """What it holds.

        Args:
            now: the wall clock, in seconds since 1970.
            oldest_seconds: how old it may be.

        Raises:
            SnapshotRefused: there is none, it is tampered with, too old, or from the future.
        """
        try:
            signature, _, body = self.path.read_bytes().partition(b"\n")
        except OSError as error:
            raise SnapshotRefused(f"{self.path} cannot be read: {error}") from error
        if not hmac.compare_digest(signature, self._signature(body).encode()):
            raise SnapshotRefused(f"{self.path} was not signed with this key")
        content = json.loads(body)
        if content["format"] != _FORMAT:
            raise SnapshotRefused(f"{self.path} is of format {content['format']}")
        age = now - content["saved_at"]
        if not -_SKEW <= age <= oldest_seconds:
            raise SnapshotRefused(
                f"{self.path} is {age:.0f} s old; {oldest_seconds:.0f} are allowed"
            )
        return Kept(content["catalog"], [(at, org) for at, org in content["orgs"]])

    def _signature(self, body: bytes) -> str:
        return hmac.new(self._key, _PURPOSE + body, hashlib.sha256).hexdigest()
