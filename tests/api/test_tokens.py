"""Bearer tokens: what is refused, and what each role may reach."""

import base64
import hmac
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from api.tokens import InvalidToken, JwtVerifier, OneKey
from tests.conftest import SECRET
from tests.live import LiveServer

pytestmark = pytest.mark.one_server

NOW = datetime.now(UTC)
CLAIMS = {
    "sub": "u1",
    "role": "super_admin",
    "iss": "entitlements-ledger",
    "aud": "entitlements",
    "exp": NOW + timedelta(hours=1),
}


def signed(*, drop: str = "", headers: dict[str, Any] | None = None, **claims: Any) -> str:
    """A token that is right but for what the test changes."""
    content = {k: v for k, v in (CLAIMS | claims).items() if k != drop}
    return jwt.encode(content, SECRET, algorithm="HS256", headers=headers)


def unsigned() -> str:
    """A token with the algorithm `none`."""
    parts = [{"alg": "none", "typ": "JWT"}, CLAIMS | {"exp": int(NOW.timestamp()) + 3600}]
    encoded = [base64.urlsafe_b64encode(json.dumps(p).encode()).rstrip(b"=") for p in parts]
    return b".".join([*encoded, b""]).decode()


REFUSED = {
    "not a token": "x.y.z",
    "no signature": unsigned(),
    "another secret": jwt.encode(CLAIMS, "another secret of the same length!", algorithm="HS256"),
    "another algorithm of the family": jwt.encode(CLAIMS, SECRET * 2, algorithm="HS512"),
    "expired": signed(exp=NOW - timedelta(seconds=1)),
    "an expiry beyond all numbers": signed(exp=float("inf")),
    "not yet valid": signed(nbf=NOW + timedelta(hours=1)),
    "no expiry": signed(drop="exp"),
    "no audience": signed(drop="aud"),
    "another audience": signed(aud="somebody-else"),
    "another issuer": signed(iss="somebody-else"),
    "no subject": signed(drop="sub"),
    "an unknown role": signed(role="emperor"),
    "permissions that are no list": signed(permissions="crm.*"),
    "an org that is none": signed(org_id="a b"),
    "an org that is a boolean": signed(org_id=True),
    "a header that names its keys": signed(headers={"jku": "https://example.com/keys"}),
    "a critical header": signed(headers={"crit": ["b64"]}),
    "too long": signed(permissions=["crm.view" * 100] * 20),
}


@pytest.mark.parametrize("token", REFUSED.values(), ids=REFUSED.keys())
def test_a_token_that_proves_nothing_is_refused(live: LiveServer, token: str) -> None:
    """401 with the scheme to use, and no part of the token in the answer."""
    answer = live.client().get(
        "/api/v1/admin/modules", headers={"Authorization": f"Bearer {token}"}
    )

    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert set(answer.json()) == {"detail"}


@pytest.mark.parametrize(
    ("token", "hint"),
    [("not a token", "entitlements token"), ("another secret", "LEDGER_JWT_SECRET")],
)
def test_a_refused_token_says_where_to_get_one(live: LiveServer, token: str, hint: str) -> None:
    answer = live.client(REFUSED[token]).get("/api/v1/orgs/1/entitlements")
    assert hint in answer.json()["detail"]


def test_the_token_these_are_changed_from_is_accepted(live: LiveServer) -> None:
    """So each refusal above has the cause it names."""
    assert live.client(signed()).get("/api/v1/admin/modules").status_code == 200


@pytest.mark.anyio
async def test_a_public_key_is_no_shared_secret() -> None:
    """A token signed by HMAC with the public key does not pass for one of the private key."""
    private = generate_private_key(public_exponent=65537, key_size=2048)
    pem = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    verifier = JwtVerifier(
        OneKey(private.public_key()),
        algorithms=["RS256"],
        issuer="entitlements-ledger",
        audience="entitlements",
        now=lambda: NOW,
    )
    header, content = ({"alg": "HS256"}, CLAIMS | {"exp": int(NOW.timestamp()) + 60})
    forged = _hmac_token(header, content, key=pem)

    assert (await verifier.verify(jwt.encode(CLAIMS, private, algorithm="RS256"))).sub == "u1"
    with pytest.raises(InvalidToken):
        await verifier.verify(forged)


def _hmac_token(header: dict[str, Any], content: dict[str, Any], *, key: bytes) -> str:
    parts = [
        base64.urlsafe_b64encode(json.dumps(p).encode()).rstrip(b"=") for p in (header, content)
    ]
    signature = hmac.digest(key, b".".join(parts), "sha256")
    return b".".join([*parts, base64.urlsafe_b64encode(signature).rstrip(b"=")]).decode()


class ChangingKey:
    """A key that is another later on."""

    value = SECRET

    async def key_for(self, token: str) -> str:
        """The key of the moment."""
        return self.value


@pytest.mark.parametrize("expiry", [10**18, 10**400])
def test_a_token_may_last_longer_than_any_calendar(live: LiveServer, expiry: int) -> None:
    answer = live.client().get(
        "/api/v1/admin/modules", headers={"Authorization": f"Bearer {signed(exp=expiry)}"}
    )
    assert answer.status_code == 200, answer.text


@pytest.mark.anyio
async def test_a_remembered_token_expires_on_time() -> None:
    """Verifying once does not make a token live longer."""
    now = [NOW]
    key = ChangingKey()
    verifier = JwtVerifier(
        key,
        algorithms=["HS256"],
        issuer="entitlements-ledger",
        audience="entitlements",
        now=lambda: now[0],
    )
    token = signed()
    assert (await verifier.verify(token)).role == "super_admin"
    key.value = "a key that verifies nothing any more"
    assert (await verifier.verify(token)).role == "super_admin"

    now[0] = NOW + timedelta(hours=1)
    with pytest.raises(InvalidToken):
        await verifier.verify(token)
