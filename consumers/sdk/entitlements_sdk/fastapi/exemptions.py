"""Routes without a guard, on purpose: each says why."""

from collections.abc import Callable
from typing import Any, TypeVar

_MARK = "__entitlements_exempt__"
_Endpoint = TypeVar("_Endpoint", bound=Callable[..., Any])


def exempt(reason: str) -> Callable[[_Endpoint], _Endpoint]:
    """Say why a route needs no guard; it changes nothing about the route.

        @app.get("/healthz")
        @exempt("asked by the load balancer, says nothing about anybody")
        async def healthz() -> dict[str, str]: ...

    Raises:
        ValueError: no reason is given.
    """
    if not reason.strip():
        raise ValueError("an exemption says why")

    def marked(endpoint: _Endpoint) -> _Endpoint:
        setattr(endpoint, _MARK, reason.strip())
        return endpoint

    return marked


def exemption(endpoint: object) -> str | None:
    """The reason that was given, None where there was none."""
    reason = getattr(endpoint, _MARK, None)
    return reason if isinstance(reason, str) else None
