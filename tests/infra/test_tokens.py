"""Where the keys of tokens come from: a secret, a public key, or what an issuer publishes."""

import json
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed448, x25519
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from api.tokens import InvalidToken, JwtVerifier, Principal
from infra.settings import Settings, SettingsProblem
from infra.tokens import shared_secret, sign_token
from tests.infra.keys import KINDS, claims, verifying

ROOT = Path(__file__).resolve().parents[2]
SECRET = "a secret that is long enough for HS256"
UNUSABLE: dict[str, Any] = {
    "another curve": ec.generate_private_key(ec.SECP384R1()),
    "another Edwards curve": ed448.Ed448PrivateKey.generate(),
    "a key for agreements": x25519.X25519PrivateKey.generate(),
}

pytestmark = pytest.mark.anyio


def public_pem(key: Any) -> bytes:
    pem: bytes = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return pem


def private_pem(key: Any) -> bytes:
    pem: bytes = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return pem


@pytest.fixture
def pem(tmp_path: Path) -> Path:
    """Where a public key lies."""
    return tmp_path / "public.pem"


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    """Each kind of key."""
    kind: str = request.param
    return kind


@pytest.fixture
def ours(pem: Path, kind: str) -> JwtVerifier:
    """A verifier with the public key of that kind."""
    pem.write_bytes(public_pem(KINDS[kind][0]))
    return verifying(Settings(jwt_public_key_file=pem))


async def test_a_token_that_was_signed_here_is_verified_here(tmp_path: Path) -> None:
    """With everything it says of its bearer."""
    settings = Settings(data_dir=tmp_path, jwt_secret=SECRET)
    token = sign_token(
        settings, role="org_admin", org="1042", sub="ada", permissions=["crm.*"], minutes=1
    )

    principal = await verifying(settings).verify(token)

    assert principal == Principal(
        sub="ada", role="org_admin", org=principal.org, permissions=("crm.*",)
    )
    assert principal.org == "1042"


async def test_a_public_key_of_each_kind_verifies(ours: JwtVerifier, kind: str) -> None:
    """The kind of key alone decides on the algorithm."""
    key, algorithm, _ = KINDS[kind]

    assert (await ours.verify(jwt.encode(claims(), key, algorithm=algorithm))).sub == "ada"
    for other, (foreign, another, _) in KINDS.items():
        if other != kind:
            with pytest.raises(InvalidToken):
                await ours.verify(jwt.encode(claims(), foreign, algorithm=another))


async def test_a_public_key_is_no_secret_to_sign_with(ours: JwtVerifier, kind: str) -> None:
    """What everybody may know proves nothing (RFC 8725, 2.1)."""
    parts = [{"alg": "HS256", "typ": "JWT"}, claims(iat=1, exp=9_999_999_999)]
    signed = b".".join(jwt.utils.base64url_encode(json.dumps(part).encode()) for part in parts)
    algorithm = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256)
    signature = algorithm.sign(signed, public_pem(KINDS[kind][0]))

    with pytest.raises(InvalidToken):
        await ours.verify((signed + b"." + jwt.utils.base64url_encode(signature)).decode())


@pytest.mark.parametrize("other", UNUSABLE)
def test_a_key_of_another_kind_is_refused_at_the_start(pem: Path, other: str) -> None:
    """And not with the first token."""
    pem.write_bytes(public_pem(UNUSABLE[other]))
    with pytest.raises(SettingsProblem, match=r"LEDGER_JWT_PUBLIC_KEY_FILE .* not supported"):
        verifying(Settings(jwt_public_key_file=pem))


@pytest.mark.parametrize(
    "content",
    [None, b"", b"not a key", private_pem(KINDS["EC"][0])],
    ids=["no file", "empty", "no key", "private"],
)
def test_a_file_that_holds_no_public_key_is_refused_at_the_start(
    pem: Path, content: bytes | None
) -> None:
    """A private one is none: it has no business here."""
    if content is not None:
        pem.write_bytes(content)
    with pytest.raises(SettingsProblem, match="LEDGER_JWT_PUBLIC_KEY_FILE cannot be read"):
        verifying(Settings(jwt_public_key_file=pem))


@pytest.mark.parametrize("left_out", ["jwt_secret", "jwt_public_key_file", "jwks_url", None])
def test_two_kinds_of_keys_are_refused(pem: Path, left_out: str | None) -> None:
    """Nobody could tell which of them counts."""
    kinds: dict[str, Any] = {
        "jwt_secret": SECRET,
        "jwt_public_key_file": pem,
        "jwks_url": "https://issuer/jwks.json",
    }
    kinds.pop(left_out or "", None)
    with pytest.raises(SettingsProblem, match=r"Set one of .*LEDGER_JWKS_URL"):
        verifying(Settings.model_validate(kinds))


def test_an_address_of_keys_that_is_none_is_a_problem_of_the_settings() -> None:
    with pytest.raises(SettingsProblem, match="LEDGER_JWKS_URL cannot be used"):
        verifying(Settings(jwks_url="issuer/jwks.json"))


@pytest.mark.parametrize("keys", [{"jwt_public_key_file": "key.pem"}, {"jwks_url": "https://i/"}])
def test_only_the_issuer_of_public_keys_signs(keys: dict[str, str]) -> None:
    """The command line says so instead of making tokens nobody accepts."""
    with pytest.raises(SettingsProblem, match="get one from the issuer"):
        sign_token(Settings.model_validate(keys), role="super_admin")


def test_a_secret_that_is_not_set_is_made_once(tmp_path: Path) -> None:
    """It is long, it stays, only its owner can read it, and one that is set counts before it."""
    settings = Settings(data_dir=tmp_path / "new" / "var")

    made = shared_secret(settings)

    kept = settings.data_dir / "jwt_secret"
    assert len(made) >= 43
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert shared_secret(settings) == made
    assert shared_secret(settings.model_copy(update={"jwt_secret": SECRET})) == SECRET
    assert kept.read_text() == made


def test_processes_that_race_make_one_secret(tmp_path: Path) -> None:
    """All of them come away with the same one, and none leaves anything behind."""
    program = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from pathlib import Path\n"
        "from infra.settings import Settings\n"
        "from infra.tokens import PublishedKeys, shared_secret\n"
        "print('ready', flush=True); sys.stdin.readline()\n"
        "print(shared_secret(Settings(data_dir=Path(sys.argv[2]))))\n"
    )
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(ROOT), str(tmp_path / "var")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd="/",
        )
        for _ in range(3)
    ]
    for racer in racers:
        assert racer.stdout is not None
        assert racer.stdout.readline() == "ready\n"
    for racer in racers:
        assert racer.stdin is not None
        racer.stdin.write("go\n")
        racer.stdin.flush()
    secrets = {racer.communicate(timeout=60)[0].strip() for racer in racers}

    assert len(secrets) == 1
    kept = tmp_path / "var" / "jwt_secret"
    assert secrets == {kept.read_text()}
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert list(kept.parent.iterdir()) == [kept]
