"""A super admin's bypass is recorded first and allowed second; unrecorded, it is neither."""

import httpx
import pytest
from fastapi import APIRouter, Depends, FastAPI

from entitlements_sdk import BypassRefused, BypassWish, Decision, OutOfReach, Principal
from entitlements_sdk.fastapi import guarded_route, protect, require_entitlement
from entitlements_sdk.fastapi.resolving import wishing
from tests.sdk.conftest import ClientOf

pytestmark = pytest.mark.anyio
STAFF = Principal("s1", role="super_admin", bypass=BypassWish(reason="restoring a setting"))


class Book:
    """Records bypasses, unless it is closed."""

    def __init__(self) -> None:
        self.open = True
        self.entries: list[tuple[str, str, str]] = []

    async def close(self) -> None:
        """Nothing is held."""

    async def record(self, denied: Decision, *, by: Principal) -> None:
        if not self.open:
            raise OutOfReach("the audit store is down")
        if denied.key == "payroll":
            raise BypassRefused("this ledger never lets it be bypassed")
        self.entries.append((by.sub, denied.org, denied.key))


async def test_a_recorded_bypass_is_allowed_every_time(client: ClientOf) -> None:
    book = Book()
    entitlements = await client(bypass=book)
    for _ in range(2):
        decision = await entitlements.check(42, "hr", "hr.view", STAFF)
        assert (decision.allowed, decision.code, decision.status) == (True, "bypass", "disabled")
    assert book.entries == [("s1", "42", "hr")] * 2
    assert entitlements.metrics()["super_admin_bypass_total"] == 2


async def test_what_is_entitled_anyway_is_no_bypass(client: ClientOf) -> None:
    book = Book()
    entitlements = await client(bypass=book)
    assert (await entitlements.check(42, "crm", None, STAFF)).code == "entitled"
    clerk = Principal("u1", org_id=42)
    assert (await entitlements.check(42, "hr", None, clerk)).denied_by == "not_granted"
    assert book.entries == []


async def test_a_bypass_that_cannot_be_recorded_is_none(client: ClientOf) -> None:
    """Case 24: 503, not allowed."""
    book = Book()
    entitlements = await client(bypass=book)
    book.open = False
    decision = await entitlements.check(42, "hr", None, STAFF)
    assert (decision.allowed, decision.unavailable) == (False, True)


async def test_a_super_admin_who_gives_no_reason_bypasses_nothing(client: ClientOf) -> None:
    book = Book()
    entitlements = await client(bypass=book)
    decision = await entitlements.check(42, "hr", None, Principal("s1", role="super_admin"))
    assert (decision.allowed, decision.denied_by) == (False, "not_granted")
    assert book.entries == []


async def test_without_a_recorder_the_denial_stands(client: ClientOf) -> None:
    entitlements = await client()
    decision = await entitlements.check(42, "hr", None, STAFF)
    assert (decision.denied_by, decision.bypassable) == ("not_granted", True)
    again = await entitlements.check(42, "hr", None, STAFF)  # from memory
    assert decision.reason == again.reason
    assert decision.reason.endswith("This service allows no bypass.")
    unasked = await entitlements.check(42, "hr", None, Principal("s1", role="super_admin"))
    assert "bypass" not in unasked.reason


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/open", {}, 403),
        ("/open", {"X-Bypass-Reason": "restoring a setting"}, 200),
        ("/open", {"X-Bypass-Session": "a-session"}, 200),
        ("/fast", {"X-Bypass-Reason": "restoring a setting"}, 200),
        ("/strict", {"X-Bypass-Reason": "restoring a setting"}, 403),
        ("/strict-fast", {"X-Bypass-Reason": "restoring a setting"}, 403),
    ],
)
async def test_a_guard_lets_a_super_admin_by_who_says_why(
    client: ClientOf, path: str, headers: dict[str, str], status: int
) -> None:
    """Unless it was told to let nobody by."""
    book = Book()
    app = FastAPI()

    async def reached() -> str:
        return "reached"

    strict = require_entitlement("hr", allow_bypass=False)
    app.get("/open", dependencies=[Depends(require_entitlement("hr"))])(reached)
    app.get("/strict", dependencies=[Depends(strict)])(reached)
    for name, fast in (
        ("/fast", guarded_route("hr")),
        ("/strict-fast", guarded_route("hr", allow_bypass=False)),
    ):
        router = APIRouter(route_class=fast)
        router.get(name)(reached)
        app.include_router(router)
    entitlements = await client(bypass=book)
    protect(app, entitlements, principal=lambda _: Principal("s1", role="super_admin"))
    here = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=here, base_url="http://erp") as erp:
        answer = await erp.get(path, headers={"X-Org-Id": "42"} | headers)

    assert answer.status_code == status, answer.text
    assert len(book.entries) == (1 if status == 200 else 0)


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
def test_a_reason_in_a_header_is_read_as_it_was_written(encoding: str) -> None:
    why = "Grüße aus der Buchhaltung"
    scope = {"method": "GET", "path": "/", "headers": [(b"x-bypass-reason", why.encode(encoding))]}
    wish = wishing(Principal("s1", role="super_admin"), scope).bypass
    assert wish is not None
    assert wish.reason == why
