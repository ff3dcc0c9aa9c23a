"""Asks the ledger over HTTP, and stops asking for a moment when that has failed."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from random import uniform
from types import TracebackType
from typing import Self

import httpx

from entitlements_sdk.catalog import Catalog
from entitlements_sdk.refusals import OutOfReach
from entitlements_sdk.snapshot import Snapshot

API = "/api/v1"
Token = str | Callable[[], str]
_LONGEST_PAUSE = 2.0  # seconds
_FIRST_PAUSE = 0.1


class Ledger:
    """The ledger's reads.

    Args:
        address: e.g. `https://ledger.internal`, without `/api/v1`.
        token: a bearer token, or what gives one that is still valid.
        timeout_seconds: how long one question may take.
        monotonic: a clock in seconds that never steps back.
        transport: how to get there; None: over the network.
    """

    def __init__(
        self,
        address: str,
        *,
        token: Token,
        timeout_seconds: float,
        monotonic: Callable[[], float],
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._token = token
        self._monotonic = monotonic
        self._failures = 0
        self._not_before = float("-inf")
        self._probing = False
        self.http = httpx.AsyncClient(
            base_url=address,
            timeout=timeout_seconds,
            transport=transport,
            limits=httpx.Limits(max_connections=64, max_keepalive_connections=16),
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.http.aclose()

    def headers(self) -> dict[str, str]:
        """What every request carries.

        Raises:
            OutOfReach: no token could be had.
        """
        try:
            token = self._token if isinstance(self._token, str) else self._token()
        except Exception as error:
            raise OutOfReach(f"no token for the ledger could be had: {error!r}") from error
        return {"Authorization": f"Bearer {token}"}

    async def snapshot(self, org: str, *, known: Snapshot | None, catalog: Catalog) -> Snapshot:
        """The org as it is now; `known` itself when nothing has changed since.

        Raises:
            OutOfReach: the ledger could not be asked, or did not answer what it should.
        """
        path = f"{API}/orgs/{org}/snapshot"
        answer = await self._get(path, etag=known.etag if known else None, missing_is_answer=True)
        if answer.status_code == httpx.codes.NOT_MODIFIED and known is not None:
            return known
        with _as_agreed(path):
            if answer.status_code == httpx.codes.NOT_FOUND:
                return Snapshot.of_nobody(org, answer.json(), catalog=catalog)
            etag = answer.headers.get("etag")
            return Snapshot.read(answer.json(), catalog=catalog, etag=etag)

    async def catalog(self, known: Catalog | None = None) -> Catalog:
        """The catalog as it is now; `known` itself when nothing has changed since.

        Raises:
            OutOfReach: the ledger could not be asked, or did not answer what it should.
        """
        path = f"{API}/catalog"
        answer = await self._get(path, etag=known.etag if known else None)
        if answer.status_code == httpx.codes.NOT_MODIFIED and known is not None:
            return known
        with _as_agreed(path):
            return Catalog(answer.json(), etag=answer.headers.get("etag"))

    async def _get(
        self, path: str, *, etag: str | None, missing_is_answer: bool = False
    ) -> httpx.Response:
        self._may_ask()
        headers = self.headers()
        if etag is not None:
            headers["If-None-Match"] = etag
        try:
            answer = await self.http.get(path, headers=headers)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise self._failed(f"the ledger cannot be reached: {error!r}") from error
        finally:
            self._probing = False
        missing = answer.status_code == httpx.codes.NOT_FOUND and missing_is_answer
        if missing or answer.status_code in (httpx.codes.OK, httpx.codes.NOT_MODIFIED):
            self._failures = 0
            return answer
        raise self._unfit(path, answer)

    def _may_ask(self) -> None:
        """After a failure one question at a time shows whether the ledger is back."""
        wait = self._not_before - self._monotonic()
        if self._failures and (wait > 0 or self._probing):
            raise OutOfReach("the ledger did not answer a moment ago", retry_after=max(wait, 1.0))
        self._probing = True

    def _failed(self, why: str) -> OutOfReach:
        pause = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2.0**self._failures)
        pause *= uniform(0.5, 1.0)  # noqa: S311 - spreads load, guards nothing
        self._failures = min(self._failures + 1, 16)
        self._not_before = self._monotonic() + pause
        return OutOfReach(why, retry_after=max(pause, 1.0))

    def _unfit(self, path: str, answer: httpx.Response) -> OutOfReach:
        why = f"the ledger answered {answer.status_code} to GET {path}"
        if answer.status_code == httpx.codes.INTERNAL_SERVER_ERROR:
            self._failures = 0  # it is this question that it stumbles over
            return OutOfReach(why, everywhere=False)
        return self._failed(why)


@contextmanager
def _as_agreed(path: str) -> Iterator[None]:
    """Turns what does not read as agreed into OutOfReach: it says nothing about the org."""
    try:
        yield
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise OutOfReach(
            f"GET {path} was answered with something else than agreed: {error!r}",
            everywhere=False,
        ) from error
