"""The keys that sign checkpoints: one that signs, and every public key that ever did.

Whoever writes here holds the lock of the directory (see `keeper`).
"""

import base64
import json
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from domain.checkpoint import CheckpointKey
from domain.instants import from_iso, iso
from infra.integrity.disk import write_private

PRIVATE = "checkpoint_key.pem"
LISTED = "checkpoint_keys.json"


class KeysDamaged(Exception):
    """A file of keys cannot be read; says which and what to do."""


def key_id(key: Ed25519PublicKey) -> str:
    """What a key is called: the first 16 hexadecimal digits of the SHA-256 of its 32 bytes."""
    return sha256(_raw(key)).hexdigest()[:16]


class Keys:
    """The files of keys in one directory."""

    def __init__(self, directory: Path) -> None:
        self._private = directory / PRIVATE
        self._listed = directory / LISTED

    def exists(self) -> bool:
        """Whether there is a key to sign with."""
        return self._private.exists()

    def signing(self, *, now: datetime) -> Ed25519PrivateKey:
        """The key to sign with, made where there is none yet.

        Raises:
            KeysDamaged: there is a file, and no Ed25519 key in it.
        """
        if not self.exists():
            self.rotate(now=now)
        key = self._read_private()
        if key_id(key.public_key()) not in {listed.key_id for listed in self.listed()}:
            self._list(key.public_key(), since=now)
        return key

    def rotate(self, *, now: datetime) -> str:
        """Sign with a new key from now on; answers its id. The old private key is gone."""
        key = Ed25519PrivateKey.generate()
        self._list(key.public_key(), since=now)  # first, so that it never signs unlisted
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        write_private(self._private, pem)
        return key_id(key.public_key())

    def listed(self) -> list[CheckpointKey]:
        """Every public key, the oldest first.

        Raises:
            KeysDamaged: the list cannot be read.
        """
        try:
            document: Any = json.loads(self._listed.read_bytes())
            keys = [
                (Ed25519PublicKey.from_public_bytes(base64.b64decode(entry["public_key"])), entry)
                for entry in document["keys"]
            ]
            current = self._current_id()
            return [
                CheckpointKey(
                    key_id=key_id(key),
                    public_key=_raw(key),
                    since=from_iso(entry["since"]),
                    current=key_id(key) == current,
                )
                for key, entry in keys
            ]
        except FileNotFoundError:
            return []
        except (ValueError, KeyError, TypeError) as error:
            raise KeysDamaged(
                f"{self._listed} is no list of keys; put back a copy of it."
            ) from error

    def _list(self, key: Ed25519PublicKey, *, since: datetime) -> None:
        known = [(listed.public_key, listed.since) for listed in self.listed()]
        entries = [
            {
                "key_id": key_id(Ed25519PublicKey.from_public_bytes(raw)),
                "algorithm": "Ed25519",
                "public_key": base64.b64encode(raw).decode(),
                "since": iso(first),
            }
            for raw, first in [*known, (_raw(key), since)]
        ]
        write_private(self._listed, json.dumps({"keys": entries}, indent=2).encode() + b"\n")

    def _current_id(self) -> str | None:
        try:
            return key_id(self._read_private().public_key())
        except (KeysDamaged, OSError):
            return None  # what was signed can be judged all the same

    def _read_private(self) -> Ed25519PrivateKey:
        try:
            key = load_pem_private_key(self._private.read_bytes(), password=None)
        except ValueError as error:
            raise KeysDamaged(f"{self._private} holds no private key.") from error
        if not isinstance(key, Ed25519PrivateKey):
            raise KeysDamaged(f"{self._private} holds a key that is not Ed25519.")
        return key


def _raw(key: Ed25519PublicKey) -> bytes:
    return key.public_bytes(Encoding.Raw, PublicFormat.Raw)
