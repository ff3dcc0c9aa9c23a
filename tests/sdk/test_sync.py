"""The client of threads: the same answers, from any of them."""

from concurrent.futures import ThreadPoolExecutor

from entitlements_sdk import Entitlements, Principal, SyncEntitlements
from entitlements_sdk.counters import Counters
from tests.sdk.ledger import SmallLedger
from tests.sdk.serving import Served
from tests.sdk.waiting import until

SNAPSHOT = "/api/v1/orgs/42/snapshot"


def test_many_threads_ask_and_the_ledger_is_asked_once(ledger: SmallLedger, served: Served) -> None:
    with SyncEntitlements(Entitlements(served.address, token="t")) as entitlements:
        until(lambda: entitlements.listening, "a heartbeat")
        with ThreadPoolExecutor(8) as threads:
            found = list(threads.map(lambda _: entitlements.allowed(42, "crm"), range(400)))
        assert found == [True] * 400
        assert ledger.count(SNAPSHOT) == 1
        assert entitlements.metrics()["entitlement_checks_total"] == 400
        ledger.set(42, crm="disabled")
        until(lambda: not entitlements.allowed(42, "crm"), "the revocation")


def test_a_thread_is_never_left_without_an_answer(served: Served) -> None:
    served.stop()
    with SyncEntitlements(Entitlements(served.address, token="t")) as entitlements:
        clerk = Principal("u1", org_id=42)
        assert entitlements.check(42, "crm", "crm.view", clerk).unavailable
        assert entitlements.warm([42]) == 0
        assert not entitlements.require_keys({"crm": ["a job"]})


def test_counters_lose_nothing_between_threads() -> None:
    counters = Counters()

    def count(_: int) -> None:
        for _ in range(50_000):
            counters.checks += 1

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(count, range(8)))
    assert counters.checks == 400_000
