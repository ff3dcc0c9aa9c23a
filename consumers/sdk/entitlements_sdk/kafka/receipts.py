"""Tells the ledger what a subscriber has applied, so that it can show who is behind."""

import logging
import time
from collections.abc import Callable, Mapping

import httpx

from entitlements_sdk.org_ids import org_json

_MOST = 1_000  # of one report
_EVERY_SECONDS, _AFTER_FAILURE_SECONDS = 1.0, 30.0
_log = logging.getLogger("entitlements_sdk")


class Receipts:
    """What `Subscriber(..., applied=...)` calls; a ledger that is away holds up nothing.

    Args:
        ledger: the ledger's address, e.g. `https://ledger.internal`.
        token: a bearer token of a service that is held to no org, or what gives one.
        instance: tells apart several subscribers of one service.
        timeout_seconds: how long a report may take.
        transport: how to reach the ledger; None: over the network.
    """

    def __init__(
        self,
        ledger: str,
        *,
        token: str | Callable[[], str],
        instance: str | None = None,
        timeout_seconds: float = 2.0,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._http = httpx.Client(base_url=ledger, timeout=timeout_seconds, transport=transport)
        self._token = token
        self._instance = instance
        self._epoch = 0
        self._waiting: dict[str, int] = {}
        self._not_before = float("-inf")

    def __call__(self, epoch: int, versions: Mapping[str, int]) -> None:
        """Report these now or with what comes later; raises nothing."""
        if epoch != self._epoch:
            self._epoch, self._waiting = epoch, {}
        self._waiting |= versions
        if self._waiting and time.monotonic() >= self._not_before:
            self._report()

    def close(self) -> None:
        """Hang up."""
        self._http.close()

    def _report(self) -> None:
        sent = dict(list(self._waiting.items())[:_MOST])
        body = {
            "ledger_epoch": self._epoch,
            "applied": [{"org_id": org_json(org), "org_version": v} for org, v in sent.items()],
            "instance": self._instance,
        }
        try:
            token = self._token if isinstance(self._token, str) else self._token()
            headers = {"Authorization": f"Bearer {token}"}
            answer = self._http.post("/api/v1/propagation/receipts", json=body, headers=headers)
            answer.raise_for_status()
        except Exception as error:  # whatever gives the token may raise anything
            _log.warning("what was applied cannot be reported at the moment: %r", error)
            self._not_before = time.monotonic() + _AFTER_FAILURE_SECONDS
            return
        self._waiting = {
            org: version for org, version in self._waiting.items() if sent.get(org) != version
        }
        self._not_before = time.monotonic() + _EVERY_SECONDS
