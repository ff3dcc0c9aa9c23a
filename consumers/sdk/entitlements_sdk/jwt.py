"""A principal from the ledger's tokens, for services that trust the same issuer (extra `jwt`)."""

import asyncio
import hashlib
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any

import jwt

from entitlements_sdk.principal import ROLES, Principal
from entitlements_sdk.refusals import CannotTell, InvalidOrgId, Unauthenticated

if TYPE_CHECKING:
    from starlette.requests import HTTPConnection

LONGEST_TOKEN = 8_192  # characters
_REMEMBERED = 10_000  # verified tokens
_NEVER = 2**53  # seconds; what is later is as good as never, and may be no float
_TRICKS = ("jku", "jwk", "x5u", "x5c", "crit")  # header fields that would name other keys or rules
_NO_TOKEN = "Send a token: 'Authorization: Bearer <JWT>'."  # noqa: S105 - says that there is none


class JwtPrincipal:
    """A `principal=` of `protect` that verifies JSON Web Tokens (RFC 7519 with RFC 8725).

    A token that was verified before costs one hash until it expires. One algorithm family per
    deployment, named here and never taken from the token.

    Args:
        key: the shared secret or the PEM of the public key; or nothing, and
        jwks_url: where the issuer publishes its keys.
        algorithms: e.g. `("HS256",)`, `("RS256",)`.
        issuer, audience: what `iss` and `aud` must be.
        now: seconds since 1970.

    Raises:
        ValueError: neither or both of `key` and `jwks_url`, or families are mixed.
    """

    def __init__(
        self,
        key: str | bytes | None = None,
        *,
        algorithms: Sequence[str],
        issuer: str,
        audience: str,
        jwks_url: str | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        if (key is None) == (jwks_url is None):
            raise ValueError("give either a key or the address of the issuer's keys")
        families = {name.startswith("HS") for name in algorithms}
        if len(families) != 1 or (jwks_url is not None and families == {True}):
            raise ValueError("name algorithms of one family; published keys are no HMAC secrets")
        self._key = key
        self._issuer_keys = jwt.PyJWKClient(jwks_url, timeout=5) if jwks_url else None
        self._algorithms = list(algorithms)
        self._issuer = issuer
        self._audience = audience
        self._now = now
        self._verified: dict[bytes, tuple[Principal, float]] = {}

    def __call__(self, connection: "HTTPConnection") -> Principal | Awaitable[Principal]:
        """The principal of a request.

        Raises:
            Unauthenticated: no bearer token, or one that proves nothing.
        """
        for name, value in connection.scope["headers"]:
            if name == b"authorization":
                return self.of_header(value)
        raise Unauthenticated(_NO_TOKEN)

    def of_header(self, value: bytes) -> Principal | Awaitable[Principal]:
        """The principal of an `Authorization` header."""
        digest = hashlib.sha256(value).digest()
        known = self._verified.get(digest)
        if known is not None and self._now() < known[1]:
            return known[0]
        scheme, _, token = value.decode("latin-1").partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise Unauthenticated(_NO_TOKEN)
        if len(token) > LONGEST_TOKEN:
            raise Unauthenticated(f"The token is longer than {LONGEST_TOKEN} characters.")
        if self._issuer_keys is not None:
            return self._by_published_key(digest, token.strip())
        return self._verify(digest, token.strip(), self._key)

    def forget(self) -> None:
        """Verify every token anew, as when the key was replaced."""
        self._verified.clear()

    async def _by_published_key(self, digest: bytes, token: str) -> Principal:
        assert self._issuer_keys is not None
        _no_tricks(token)
        try:
            key = await asyncio.to_thread(self._issuer_keys.get_signing_key_from_jwt, token)
        except jwt.PyJWKClientConnectionError as error:
            raise CannotTell("The issuer's keys cannot be fetched at the moment.") from error
        except jwt.PyJWTError as error:
            raise Unauthenticated(f"The token was refused: {error}.") from error
        return self._verify(digest, token, key)

    def _verify(self, digest: bytes, token: str, key: Any) -> Principal:
        _no_tricks(token)
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                key,
                algorithms=self._algorithms,
                issuer=self._issuer,
                audience=self._audience,
                options={"require": ["exp", "iss", "aud", "sub"]},
            )
        except (jwt.PyJWTError, ValueError) as error:
            raise Unauthenticated(f"The token was refused: {error}.") from error
        principal = _principal(claims)
        self._verified[digest] = (principal, min(int(claims["exp"]), _NEVER))
        if len(self._verified) > _REMEMBERED:
            self._verified.pop(next(iter(self._verified)), None)
        return principal


def _no_tricks(token: str) -> None:
    try:
        header = jwt.get_unverified_header(token)
    except (jwt.PyJWTError, ValueError) as error:
        raise Unauthenticated(f"The token was refused: {error}.") from error
    if any(trick in header for trick in _TRICKS):
        raise Unauthenticated("The token was refused: its header tries to name its own keys.")


def _principal(claims: dict[str, Any]) -> Principal:
    sub, role, org = claims["sub"], claims.get("role"), claims.get("org_id")
    permissions = claims.get("permissions", [])
    if role not in ROLES:
        raise Unauthenticated(f"The token's role is none of {', '.join(ROLES)}.")
    if not isinstance(permissions, list) or not all(isinstance(p, str) for p in permissions):
        raise Unauthenticated("The token's permissions are not a list of strings.")
    if not isinstance(org, str | int | None) or isinstance(org, bool):
        raise Unauthenticated("The token's org_id is neither a string nor an integer.")
    if not isinstance(sub, str) or not 0 < len(sub) <= 200:
        raise Unauthenticated("The token's sub is not a string of 1 to 200 characters.")
    try:
        return Principal(sub, role=role, org_id=org, permissions=tuple(permissions))
    except InvalidOrgId as error:
        raise Unauthenticated("The token's org_id is not one.") from error
