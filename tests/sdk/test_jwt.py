"""Tokens of the ledger's issuer become principals; whatever proves nothing is refused."""

import time
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from starlette.requests import HTTPConnection

from entitlements_sdk import CannotTell, Principal, Unauthenticated
from entitlements_sdk.jwt import JwtPrincipal

pytestmark = pytest.mark.anyio
SECRET = "a secret of this test run, long enough for HS256"
CLAIMS = {
    "sub": "u1",
    "role": "user",
    "org_id": 42,
    "permissions": ["crm.*"],
    "iss": "issuer",
    "aud": "erp",
}


def signed(key: Any = SECRET, algorithm: str = "HS256", /, **claims: Any) -> str:
    merged = {**CLAIMS, "exp": time.time() + 60, **claims}
    present = {name: value for name, value in merged.items() if value is not None}
    return jwt.encode(present, key, algorithm=algorithm)


def resolver(**options: Any) -> JwtPrincipal:
    return JwtPrincipal(
        SECRET, **{"algorithms": ["HS256"], "issuer": "issuer", "audience": "erp", **options}
    )


def request(authorization: str | None) -> HTTPConnection:
    headers = [] if authorization is None else [(b"authorization", authorization.encode())]
    return HTTPConnection({"type": "http", "headers": headers})


def test_a_token_is_a_principal() -> None:
    found = resolver()(request(f"Bearer {signed()}"))
    assert found == Principal("u1", "user", 42, ("crm.*",))


@pytest.mark.parametrize("authorization", [None, "", "Bearer", "Bearer ", "Basic dTpw"])
def test_no_bearer_token_is_nobody(authorization: str | None) -> None:
    with pytest.raises(Unauthenticated, match="Send a token"):
        resolver()(request(authorization))


REFUSED = {
    "expired": signed(exp=time.time() - 60),
    "no expiry": signed(exp=None),
    "an expiry beyond all numbers": signed(exp=float("inf")),
    "another issuer": signed(iss="another"),
    "another audience": signed(aud="another"),
    "no audience": signed(aud=None),
    "no subject": signed(sub=None),
    "not yet valid": signed(nbf=time.time() + 600),
    "an unknown role": signed(role="owner"),
    "no role": signed(role=None),
    "an org that is a boolean": signed(org_id=True),
    "an org that is none": signed(org_id="no org/.."),
    "permissions that are no list": signed(permissions="crm.*"),
    "another secret": signed("another secret that is long enough, too"),
    "another algorithm of the family": signed(SECRET + SECRET, "HS512"),
    "no signature": signed("", "none"),
    "a header that names its keys": jwt.encode(
        {**CLAIMS, "exp": 9e9}, SECRET, headers={"jku": "http://me/keys"}
    ),
    "not a token": "not.a.token",
    "too long": "x" * 9_000,
}


@pytest.mark.parametrize("token", REFUSED.values(), ids=REFUSED.keys())
def test_a_token_that_proves_nothing_is_refused(token: str) -> None:
    with pytest.raises(Unauthenticated):
        resolver()(request(f"Bearer {token}"))


def test_a_public_key_is_no_shared_secret() -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    by_public_key = JwtPrincipal(pem, algorithms=["RS256"], issuer="issuer", audience="erp")
    assert by_public_key(request(f"Bearer {signed(key, 'RS256')}")) == Principal(
        "u1", "user", 42, ("crm.*",)
    )
    forged = jwt.encode({**CLAIMS, "exp": 9e9}, "x" * 40, algorithm="HS256")
    with pytest.raises(Unauthenticated):
        by_public_key(request(f"Bearer {forged}"))
    with pytest.raises(ValueError, match="one family"):
        resolver(algorithms=["HS256", "RS256"])


def test_a_token_may_last_longer_than_any_calendar() -> None:
    found = resolver()(request(f"Bearer {signed(exp=10**400)}"))
    assert found == Principal("u1", "user", 42, ("crm.*",))


def test_a_token_that_was_verified_is_remembered_until_it_expires() -> None:
    now = time.time()
    clock = [now]
    verify = resolver(now=lambda: clock[0])
    token = signed(exp=now + 60)
    first = verify(request(f"Bearer {token}"))
    assert verify(request(f"Bearer {token}")) is first
    clock[0] = now + 61
    assert verify(request(f"Bearer {token}")) is not first


async def test_an_issuer_out_of_reach_is_no_refusal() -> None:
    away = JwtPrincipal(
        jwks_url="http://127.0.0.1:9/keys",
        algorithms=["RS256"],
        issuer="issuer",
        audience="erp",
    )
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    found = away(request(f"Bearer {signed(key, 'RS256')}"))
    assert not isinstance(found, Principal)
    with pytest.raises(CannotTell):
        await found
