"""The fake that services test with says what it is told, by the rules of the real one."""

import pytest

from entitlements_sdk import FakeEntitlements, Principal, UnknownKeys

pytestmark = pytest.mark.anyio
KEYS = ["crm", "crm.lead_management", "hr"]


async def test_what_was_granted_is_allowed_and_nothing_else() -> None:
    fake = FakeEntitlements(keys=KEYS, exempt=["email"]).grant(42, "crm").trial("acme", "hr")
    assert (await fake.check(42, "CRM.Lead_Management")).status == "enabled"
    assert (await fake.check("acme", "hr")).status == "trial"
    assert (await fake.check(42, "hr")).denied_by == "not_granted"
    assert (await fake.check(1, "email")).code == "exempt"
    assert (await fake.check(42, "crn")).denied_by == "unknown_key"
    assert fake.metrics()["entitlement_denied_total"] == 2


async def test_it_denies_for_the_reason_it_is_told_and_checks_permissions() -> None:
    fake = FakeEntitlements(keys=KEYS, role_permissions={"org_admin": ["crm.*"]}).grant(42, "crm")
    admin, clerk = Principal("a", "org_admin", 42), Principal("c", "user", 42)
    assert await fake.allowed(42, "crm", "crm.create", admin)
    assert (await fake.check(42, "crm", "crm.create", clerk)).denied_by == "permission"
    fake.deny(42, "crm", denied_by="trial_expired")
    assert (await fake.check(42, "crm", None, admin)).denied_by == "trial_expired"
    assert (await fake.gate("off").check(42, "crm", None, admin)).code == "gating_off"


async def test_a_lost_ledger_is_answered_by_policy() -> None:
    fake = FakeEntitlements(keys=KEYS, on_unknown={"hr": "allow"}).grant(42, "crm")
    fake.lose_the_ledger()
    assert (await fake.check(42, "crm")).unavailable
    assert (await fake.check(42, "hr")).code == "unknown_allowed"
    assert await fake.find_the_ledger().allowed(42, "crm")


async def test_a_test_that_misspells_a_key_is_told() -> None:
    with pytest.raises(UnknownKeys, match="did you mean 'crm'"):
        FakeEntitlements(keys=KEYS).grant(42, "crn")
    with pytest.raises(ValueError, match="never denied"):
        FakeEntitlements(on_unknown={"hr": "deny"})  # type: ignore[dict-item]
