"""Bearer tokens: one algorithm family per deployment, named here and never taken from the token."""

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal, Protocol, get_args

import jwt

from domain.ids import OrgId, org_id
from domain.refusals import InvalidOrgId

Role = Literal["super_admin", "org_admin", "user", "service"]
ROLES: tuple[Role, ...] = get_args(Role)

LONGEST_TOKEN = 8_192  # characters
_REMEMBERED = 10_000  # verified tokens
_SIGNED_ELSEWHERE = (
    "it was signed with another key than this server verifies with; one of `entitlements token` "
    "needs the LEDGER_DATA_DIR or the LEDGER_JWT_SECRET of the server"
)
_MALFORMED = (
    "it is no JSON Web Token; `entitlements token --role super_admin` prints one to try things with"
)
_TRICKS = ("jku", "jwk", "x5u", "x5c", "crit")  # header fields that would name other keys or rules
_NEVER = datetime.max.replace(tzinfo=UTC)


class InvalidToken(Exception):
    """The token proves nothing; says why without repeating any of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """Who asks, as the token says."""

    sub: str
    role: Role
    org: OrgId | None
    permissions: tuple[str, ...] = ()
    expires_at: datetime = field(default=_NEVER, compare=False)  # when the token stops to prove it

    @property
    def is_super_admin(self) -> bool:
        return self.role == "super_admin"

    def may_see(self, org: OrgId) -> bool:
        """Whether the org is the principal's own, or the principal is staff or a service."""
        if self.role == "super_admin" or (self.role == "service" and self.org is None):
            return True
        return self.org == org


class TokenVerifier(Protocol):
    """Turns a bearer token into a principal."""

    async def verify(self, token: str) -> Principal:
        """The principal of a token.

        Raises:
            InvalidToken: it is not one of ours, or no longer.
        """

    def remembered(self, token: bytes, at: datetime) -> Principal | None:
        """The principal of a token that was verified before and is still good at an instant.

        It is one and the same for as long as it is remembered.
        """


class Keys(Protocol):
    """Where the key that a token is checked against comes from."""

    async def key_for(self, token: str) -> Any:
        """The key; may raise `jwt.PyJWTError`."""


class OneKey:
    """A deployment with a single shared secret or public key."""

    def __init__(self, key: Any) -> None:
        self._key = key

    async def key_for(self, token: str) -> Any:
        return self._key


class JwtVerifier:
    """Verifies JSON Web Tokens (RFC 7519, with the advice of RFC 8725).

    Args:
        keys: where the key comes from.
        algorithms: the one family that is accepted, e.g. `("HS256",)`.
        issuer, audience: what `iss` and `aud` must be.
        now: the time against which a remembered token's `exp` is checked.
    """

    def __init__(
        self,
        keys: Keys,
        *,
        algorithms: Sequence[str],
        issuer: str,
        audience: str,
        now: Callable[[], datetime],
    ) -> None:
        self._keys = keys
        self._algorithms = list(algorithms)
        self._issuer = issuer
        self._audience = audience
        self._now = now
        self._verified: OrderedDict[bytes, Principal] = OrderedDict()

    async def verify(self, token: str) -> Principal:
        """See `TokenVerifier.verify`; a token seen before costs one hash."""
        if len(token) > LONGEST_TOKEN:
            raise InvalidToken(f"it is longer than {LONGEST_TOKEN} characters")
        sent = token.encode()
        known = self.remembered(sent, self._now())
        if known is not None:
            return known
        digest = hashlib.sha256(sent).digest()
        claims = await self._claims(token)
        principal = _principal(claims)
        self._verified[digest] = principal
        if len(self._verified) > _REMEMBERED:
            self._verified.popitem(last=False)
        return principal

    def remembered(self, token: bytes, at: datetime) -> Principal | None:
        """See `TokenVerifier.remembered`; costs one hash."""
        known = self._verified.get(hashlib.sha256(token).digest())
        return known if known is not None and at < known.expires_at else None

    async def _claims(self, token: str) -> dict[str, Any]:
        try:
            header = jwt.get_unverified_header(token)
            if any(trick in header for trick in _TRICKS):
                raise InvalidToken("its header tries to name its own keys")
            claims: dict[str, Any] = jwt.decode(
                token,
                await self._keys.key_for(token),
                algorithms=self._algorithms,
                issuer=self._issuer,
                audience=self._audience,
                options={"require": ["exp", "iss", "aud", "sub"]},
            )
        except jwt.ExpiredSignatureError as error:
            raise InvalidToken("it has expired; get a new one") from error
        except jwt.InvalidSignatureError as error:
            raise InvalidToken(_SIGNED_ELSEWHERE) from error
        except jwt.DecodeError as error:
            raise InvalidToken(_MALFORMED) from error
        except (jwt.PyJWTError, ValueError) as error:
            raise InvalidToken(str(error)) from error
        return claims


def _instant(seconds: int) -> datetime:
    """Seconds since 1970 as an instant; what no calendar holds is as far away as it goes."""
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, ValueError, OSError):
        return _NEVER


def _principal(claims: dict[str, Any]) -> Principal:
    role, org, permissions = claims.get("role"), claims.get("org_id"), claims.get("permissions", [])
    if role not in ROLES:
        raise InvalidToken(f"its role is none of {', '.join(ROLES)}")
    if not isinstance(permissions, list) or not all(isinstance(p, str) for p in permissions):
        raise InvalidToken("its permissions are not a list of strings")
    if not isinstance(org, str | int | None) or isinstance(org, bool):
        raise InvalidToken("its org_id is neither a string nor an integer")
    if not isinstance(claims["sub"], str) or not 0 < len(claims["sub"]) <= 200:
        raise InvalidToken("its sub is not a string of 1 to 200 characters")
    try:
        return Principal(
            sub=claims["sub"],
            role=role,
            org=None if org is None else org_id(org),
            permissions=tuple(permissions),
            expires_at=_instant(int(claims["exp"])),
        )
    except InvalidOrgId as error:
        raise InvalidToken(f"its org_id is not one: {error.message}") from error
