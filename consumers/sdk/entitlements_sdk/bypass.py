"""Records a super admin's bypass at the ledger, which commits it before it answers."""

from collections.abc import Callable

import httpx

from entitlements_sdk.decision import Decision
from entitlements_sdk.ledger import API, Token
from entitlements_sdk.principal import Principal
from entitlements_sdk.refusals import BypassRefused, OutOfReach

_REFUSALS = range(400, 500)


class HttpBypass:
    """A `BypassRecorder` over `POST /bypass/uses`.

    The ledger judges anew, by its own state: what is allowed by now is no bypass, and nothing is
    bypassed by what was known last.

    Args:
        address: e.g. `https://ledger.internal`, without `/api/v1`.
        token: of a service that is held to no org, or what gives one that is still valid.
        timeout_seconds: how long recording may take; after that there is no bypass.
        transport: how to get there; None: over the network.
    """

    def __init__(
        self,
        address: str,
        *,
        token: Token,
        timeout_seconds: float = 5.0,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._token: Callable[[], str] = (lambda: token) if isinstance(token, str) else token
        self._http = httpx.AsyncClient(
            base_url=address, timeout=timeout_seconds, transport=transport
        )

    async def close(self) -> None:
        """See `BypassRecorder.close`."""
        await self._http.aclose()

    async def record(self, denied: Decision, *, by: Principal) -> None:
        """See `BypassRecorder.record`."""
        wish = by.bypass
        assert wish is not None, "the client asks only where there is a wish"
        body = {
            "org": denied.org,
            "key": denied.key,
            "permission": denied.permission,
            "route": wish.route,
            "reason": wish.reason,
            "session_id": wish.session_id,
            "actor": {"sub": by.sub},
        }
        try:
            answer = await self._http.post(
                f"{API}/bypass/uses",
                json={name: value for name, value in body.items() if value is not None},
                headers={"Authorization": f"Bearer {self._token()}"},
            )
            said = answer.json()
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            raise OutOfReach(f"the ledger did not answer: {error!r}") from error
        if answer.status_code == httpx.codes.OK and said.get("allowed") is True:
            return
        if answer.status_code in _REFUSALS or answer.status_code == httpx.codes.OK:
            raise BypassRefused(str(said.get("detail") or said.get("code")))
        raise OutOfReach(f"the ledger answered {answer.status_code} to POST /bypass/uses")
