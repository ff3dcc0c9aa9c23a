"""Keys that an issuer publishes: found by their ids, and forgotten once they are withdrawn."""

import asyncio
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
import pytest

from api.tokens import InvalidToken
from domain.refusals import Unavailable
from infra.settings import Settings
from infra.tokens import PublishedKeys
from tests.infra.keys import KINDS, claims, verifying

pytestmark = pytest.mark.anyio


class Issuer:
    """Publishes keys over HTTP; `published` may change, and `asked` counts the requests."""

    def __init__(self) -> None:
        self.published: dict[str, str] = {}  # key id to kind
        self.asked = 0
        issuer = self

        class Page(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                issuer.asked += 1
                body = issuer.document()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name
                """Says nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Page)
        self.url = f"http://127.0.0.1:{self.server.server_port}/jwks.json"
        self._thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)

    def document(self) -> bytes:
        """The JSON Web Key Set (RFC 7517)."""
        keys = []
        for kid, kind in self.published.items():
            key, algorithm, form = KINDS[kind]
            entry = form.to_jwk(key.public_key(), as_dict=True)
            keys.append(entry | {"kid": kid, "alg": algorithm, "use": "sig"})
        return json.dumps({"keys": keys}).encode()

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self.server.shutdown()
        self._thread.join()
        self.server.server_close()


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    """An issuer that serves."""
    issuer = Issuer()
    issuer.start()
    yield issuer
    issuer.stop()


def issued(kind: str, kid: str | None, **more: Any) -> str:
    key, algorithm, _ = KINDS[kind]
    headers = {} if kid is None else {"kid": kid}
    return jwt.encode(claims(**more), key, algorithm=algorithm, headers=headers)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_published_key_of_each_kind_verifies(issuer: Issuer, kind: str) -> None:
    """The token names it by its id; the set is fetched once for many tokens."""
    issuer.published = {"one": kind, "other": "RSA"}
    ours = verifying(Settings(jwks_url=issuer.url))

    for sub in ("ada", "grace", "edsger"):
        assert (await ours.verify(issued(kind, "one", sub=sub))).sub == sub
    assert issuer.asked == 1


@pytest.mark.parametrize("kid", ["unpublished", None])
async def test_a_key_that_is_not_published_proves_nothing(issuer: Issuer, kid: str | None) -> None:
    """Nor does a token that names none."""
    issuer.published = {"one": "EC"}
    ours = verifying(Settings(jwks_url=issuer.url))

    with pytest.raises(InvalidToken):
        await ours.verify(issued("EC", kid))


async def test_a_token_signed_with_another_key_than_it_names_is_refused(issuer: Issuer) -> None:
    """The name is only a hint where to look."""
    issuer.published = {"one": "EC", "two": "RSA"}
    ours = verifying(Settings(jwks_url=issuer.url))

    with pytest.raises(InvalidToken):
        await ours.verify(issued("EC", "two"))


async def test_made_up_key_ids_do_not_make_the_issuer_be_asked_again(issuer: Issuer) -> None:
    """Anybody can send tokens that name one."""
    issuer.published = {"one": "EC"}
    ours = verifying(Settings(jwks_url=issuer.url))
    for number in range(5):
        with pytest.raises(InvalidToken):
            await ours.verify(issued("EC", f"made-up-{number}"))
    assert issuer.asked == 1


async def test_keys_are_changed_without_a_new_start(issuer: Issuer) -> None:
    """One that is published later is found, and one that was withdrawn counts no longer."""
    issuer.published = {"one": "EC"}
    keys = PublishedKeys(issuer.url, lifespan_seconds=0.2)
    first, second = issued("EC", "one"), issued("Ed25519", "two")
    await keys.key_for(first)

    issuer.published = {"two": "Ed25519"}
    await asyncio.sleep(0.2)

    assert (await keys.key_for(second)).key_id == "two"
    with pytest.raises(jwt.PyJWTError):
        await keys.key_for(first)


async def test_an_issuer_that_cannot_be_reached_leaves_it_open() -> None:
    """Nobody is let in on a guess, and nobody is told that a good token is bad."""
    issuer = Issuer()
    issuer.server.server_close()
    ours = verifying(Settings(jwks_url=issuer.url))

    with pytest.raises(Unavailable):
        await ours.verify(issued("EC", "one"))
