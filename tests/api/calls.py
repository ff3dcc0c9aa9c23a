"""The calls that tests make most, said shortly."""

from typing import Any

import httpx

REASON = "because the contract says so"


def command(client: httpx.Client, org: int | str, name: str, **body: Any) -> httpx.Response:
    """A native command."""
    headers = body.pop("headers", None)
    body.setdefault("reason", REASON)
    return client.post(f"/api/v1/orgs/{org}/commands/{name}", json=body, headers=headers)


def update(client: httpx.Client, org: int | str, **changes: Any) -> httpx.Response:
    """The seed's PUT."""
    body = {"reason": REASON, "changes": changes}
    return client.put(f"/api/v1/admin/orgs/{org}/entitlements", json=body)


def status(client: httpx.Client, org: int | str, module: str) -> str:
    """The effective status of a module, by the seed's map."""
    answer = client.get(f"/api/v1/orgs/{org}/entitlements")
    return str(answer.json()["entitlements"][module]["status"])


def version(client: httpx.Client, org: int | str) -> int:
    """The org's version, from the ETag of a super admin's read."""
    answer = client.get(f"/api/v1/admin/orgs/{org}/entitlements")
    return int(answer.headers["etag"].strip('"v'))
