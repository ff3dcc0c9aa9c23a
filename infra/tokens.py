"""Tokens: the verifier that the settings ask for, and signing for the command line."""

import asyncio
import hmac
import os
import secrets
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from api.tokens import JwtVerifier, Keys, OneKey
from domain.ids import org_id, org_json
from domain.refusals import Unavailable
from infra.clock import LedgerClock
from infra.settings import Settings, SettingsProblem

_PUBLISHED = ("RS256", "ES256", "EdDSA")


class PublishedKeys:
    """The keys an issuer publishes as a JSON Web Key Set, fetched off the event loop.

    A key that the issuer has withdrawn is forgotten after `lifespan_seconds`.
    """

    def __init__(self, url: str, *, lifespan_seconds: float = 300) -> None:
        self._client = jwt.PyJWKClient(url, lifespan=lifespan_seconds, timeout=5)

    async def key_for(self, token: str) -> Any:
        """The key that the token's `kid` names, good for its own algorithm alone.

        Raises:
            Unavailable: the issuer cannot be reached, so nobody can say whether it is valid.
        """
        try:
            return await asyncio.to_thread(self._client.get_signing_key_from_jwt, token)
        except jwt.PyJWKClientConnectionError as error:
            raise Unavailable("The issuer's keys cannot be fetched at the moment.") from error


def verifier(settings: Settings, *, clock: LedgerClock) -> JwtVerifier:
    """The verifier of this deployment's one algorithm family.

    Raises:
        SettingsProblem: more than one kind of key is set, or a key cannot be read.
    """
    kinds = [settings.jwt_secret, settings.jwt_public_key_file, settings.jwks_url]
    if sum(kind is not None for kind in kinds) > 1:
        raise SettingsProblem(
            "Set one of LEDGER_JWT_SECRET, LEDGER_JWT_PUBLIC_KEY_FILE and LEDGER_JWKS_URL."
        )
    keys: Keys
    algorithms: tuple[str, ...]
    if settings.jwks_url is not None:
        keys, algorithms = _published_keys(settings.jwks_url), _PUBLISHED
    elif settings.jwt_public_key_file is not None:
        public = _public_key(settings.jwt_public_key_file)
        keys, algorithms = OneKey(public), (_algorithm(public),)
    else:
        keys, algorithms = OneKey(shared_secret(settings)), ("HS256",)
    return JwtVerifier(
        keys,
        algorithms=algorithms,
        issuer=settings.jwt_issuer,
        audience=settings.jwt_audience,
        now=clock.now,
    )


def _published_keys(url: str) -> PublishedKeys:
    try:
        return PublishedKeys(url)
    except jwt.PyJWKClientError as error:
        raise SettingsProblem(f"LEDGER_JWKS_URL cannot be used: {error}") from error


def shared_secret(settings: Settings) -> str:
    """The HS256 secret: the one that is set, or one made on first use and kept (mode 0600)."""
    if settings.jwt_secret is not None:
        return settings.jwt_secret
    return _kept_secret(secret_file(settings))


def secret_file(settings: Settings) -> Path:
    """Where the secret is kept that is made on first use."""
    return settings.data_dir / "jwt_secret"


def stream_key(settings: Settings) -> bytes:
    """The key that signs the URLs of event streams: the same in all processes of a deployment.

    Machines that verify tokens with a public key share it where they share the data directory.
    """
    secret = settings.jwt_secret or _kept_secret(settings.data_dir / "stream_secret")
    return hmac.digest(secret.encode(), b"event streams", "sha256")


def _kept_secret(path: Path) -> str:
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        made = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
        with os.fdopen(os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(48))
        with suppress(FileExistsError):  # another process was first: its secret is ours, too
            os.link(made, path)
        made.unlink()
    return path.read_text(encoding="ascii").strip()


def sign_token(
    settings: Settings,
    *,
    role: str,
    org: str | None = None,
    sub: str | None = None,
    permissions: Sequence[str] = (),
    minutes: int = 720,
) -> str:
    """A token signed with the shared secret, valid for `minutes`.

    Raises:
        SettingsProblem: this deployment verifies with a public key; only its issuer can sign.
        InvalidOrgId: `org` is not an org id.
    """
    if settings.jwt_public_key_file is not None or settings.jwks_url is not None:
        raise SettingsProblem(
            "Tokens here are verified with a public key; get one from the issuer that signs them."
        )
    now = datetime.now(UTC)
    claims: dict[str, Any] = {
        "sub": sub or f"{role}-cli",
        "role": role,
        "iss": settings.jwt_issuer,
        "aud": settings.jwt_audience,
        "iat": now,
        "exp": now + timedelta(minutes=minutes),
        "permissions": list(permissions),
    }
    if org is not None:
        claims["org_id"] = org_json(org_id(org))
    return jwt.encode(claims, shared_secret(settings), algorithm="HS256")


def _public_key(path: Path) -> Any:
    try:
        return load_pem_public_key(path.read_bytes())
    except (OSError, ValueError) as error:
        raise SettingsProblem(f"LEDGER_JWT_PUBLIC_KEY_FILE cannot be read: {error}") from error


def _algorithm(key: Any) -> str:
    match key:
        case RSAPublicKey():
            return "RS256"
        case EllipticCurvePublicKey(curve=SECP256R1()):
            return "ES256"
        case Ed25519PublicKey():
            return "EdDSA"
    raise SettingsProblem("LEDGER_JWT_PUBLIC_KEY_FILE is of a kind of key that is not supported.")
