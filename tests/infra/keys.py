"""Keys of each kind that a deployment may verify with, and tokens signed with them."""

from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from api.tokens import JwtVerifier
from infra.clock import LedgerClock
from infra.settings import Settings
from infra.tokens import verifier

KINDS: dict[str, tuple[Any, str, Any]] = {
    "RSA": (
        rsa.generate_private_key(public_exponent=65537, key_size=2048),
        "RS256",
        jwt.algorithms.RSAAlgorithm,
    ),
    "EC": (ec.generate_private_key(ec.SECP256R1()), "ES256", jwt.algorithms.ECAlgorithm),
    "Ed25519": (ed25519.Ed25519PrivateKey.generate(), "EdDSA", jwt.algorithms.OKPAlgorithm),
}
"""The private key of each kind, its algorithm, and the form it is published in."""


def claims(**more: Any) -> dict[str, Any]:
    now = datetime.now(UTC)
    return {
        "sub": "ada",
        "role": "super_admin",
        "iss": "entitlements-ledger",
        "aud": "entitlements",
        "iat": now,
        "exp": now + timedelta(minutes=5),
        **more,
    }


def verifying(settings: Settings) -> JwtVerifier:
    return verifier(settings, clock=LedgerClock())
