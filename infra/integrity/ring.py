"""Tells whether a checkpoint was signed by one of our keys."""

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from domain.checkpoint import SignedCheckpoint
from infra.integrity.keys import Keys


class Ring:
    """The listed public keys, read again when a key is met that was not listed before."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        self._known = self._read()

    def rank(self, signed: SignedCheckpoint) -> int | None:
        """The place of the signing key in the list, from 1; None when it proves nothing."""
        if signed.key_id not in self._known:
            self._known = self._read()
        if signed.key_id not in self._known:
            return None
        rank, key = self._known[signed.key_id]
        try:
            key.verify(signed.signature, signed.checkpoint.signed_text())
        except InvalidSignature:
            return None
        return rank

    def _read(self) -> dict[str, tuple[int, Ed25519PublicKey]]:
        return {
            key.key_id: (rank, Ed25519PublicKey.from_public_bytes(key.public_key))
            for rank, key in enumerate(self._keys.listed(), start=1)
        }
