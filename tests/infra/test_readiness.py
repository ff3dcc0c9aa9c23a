"""Readiness: each dependency by itself, and never longer than a person on call would wait."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import psycopg
import pytest

from api.parts import Check
from consumers.invalidation import invalidation
from consumers.relay import publisher
from consumers.topics import Topics
from infra.database import Database
from infra.migrations.run import newest_revision
from infra.propagation import Propagation, propagating
from infra.readiness import readiness
from infra.settings import Settings
from infra.wiring import Parts, running
from projections.feed import Feed
from tests.conftest import started
from tests.faults.proxy import Proxy
from tests.infra.store.orders import registration
from tests.infra.store.world import emptied, until
from tests.sdk.topic import prefix_of

pytestmark = pytest.mark.anyio


async def checks(parts: Parts) -> dict[str, Check]:
    """Each check by its name."""
    return {check.name: check for check in await readiness(parts)}


@pytest.fixture
def database(module_database: Database) -> Database:
    """The module's database, empty again for each test."""
    return emptied(module_database)


@pytest.fixture
async def distant(settings: Settings, database: Database) -> AsyncIterator[tuple[Parts, Proxy]]:
    """A running ledger, and what lies between it and its database."""
    with Proxy(database.app_url) as proxy:
        where = Database(app_url=proxy.url, owner_url=database.owner_url, embedded=None)
        async with started(settings, where) as parts:
            yield parts, proxy


async def test_a_running_ledger_is_ready(parts: Parts) -> None:
    """With the numbers a person on call wants to see."""
    await parts.ledger.execute(registration("1042"))

    found = await checks(parts)

    assert list(found) == ["database", "feed", "catalog", "gating", "views", "ticker", "orgs"]
    assert all(check.ok for check in found.values())
    database = found["database"].facts
    assert (database["position"], database["ledger_epoch"]) == (2, 1)
    assert database["revision"] == newest_revision()
    assert database["milliseconds"] > 0
    assert found["catalog"].facts == {"catalog_version": 1}


async def test_how_far_a_view_lags_is_told_in_events_and_seconds(
    parts: Parts, database: Database
) -> None:
    """It takes nobody out of rotation."""
    await parts.ledger.execute(registration("1042"))
    with psycopg.connect(database.owner_url) as owner:
        # Held, so that nobody brings it on meanwhile.
        owner.execute("SELECT FROM ledger.followers WHERE view = 'audit' FOR UPDATE")
        last = await parts.ledger.execute(registration("1043"))
        views = (await checks(parts))["views"]

    assert last.first_position is not None
    assert views.ok
    assert views.facts["audit"]["lag_events"] >= 1
    assert views.facts["audit"]["projection_lag_seconds"] > 0
    assert views.facts["current_entitlements"] == {"lag_events": 0, "projection_lag_seconds": 0.0}


async def test_without_a_catalog_it_is_not_ready(settings: Settings, database: Database) -> None:
    """Nothing can be decided, and that is told apart from a database that is away."""
    async with running(settings, database) as parts:
        found = await checks(parts)

    assert [check.name for check in found.values() if not check.ok] == ["catalog"]


async def test_a_schema_of_another_revision_is_not_ready(parts: Parts, database: Database) -> None:
    """It says which one it found."""
    with psycopg.connect(database.owner_url) as owner:
        owner.execute("UPDATE ledger.alembic_version SET version_num = '0000'")

    found = await checks(parts)

    assert [check.name for check in found.values() if not check.ok] == ["database"]
    assert found["database"].facts["revision"] == "0000"


async def test_a_feed_that_has_heard_nothing_is_not_ready(parts: Parts) -> None:
    """And how much it has not heard of is told."""

    async def nowhere() -> psycopg.AsyncConnection:
        raise psycopg.OperationalError

    deaf = Feed(nowhere, subscriber=None, monotonic=lambda: 0.0)  # type: ignore[arg-type]
    found = await checks(replace(parts, feed=deaf))

    assert [check.name for check in found.values() if not check.ok] == ["feed"]
    assert found["feed"].facts == {"position": 0, "behind_events": 1}


async def test_a_database_that_is_away_is_not_ready(distant: tuple[Parts, Proxy]) -> None:
    """It says so, with the kind of failure and without an address or a password."""
    parts, proxy = distant
    proxy.cut()

    database = (await checks(parts))["database"]

    assert not database.ok
    assert database.facts["problem"] == "the database cannot be reached"
    assert set(database.facts) == {"problem", "kind"}


async def test_a_database_that_does_not_answer_is_not_ready(distant: tuple[Parts, Proxy]) -> None:
    """The answer does not wait for it, and once it goes on the ledger is ready again."""
    parts, proxy = distant
    proxy.stall()

    assert not (await checks(parts))["database"].ok

    proxy.go_on()
    assert (await checks(parts))["database"].ok


@pytest.mark.one_server
async def test_kafka_is_told_of_where_it_is_configured(
    parts: Parts,
    settings: Settings,
    kafka: str,
    topics: Topics,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The relay's lag while it runs, and the remedy when the broker is somewhere else."""
    await parts.ledger.execute(registration("1042"))
    configured = settings.model_copy(
        update={"kafka_bootstrap_servers": kafka, "topic_prefix": prefix_of(topics)}
    )

    async def facts(propagation: Propagation | None) -> dict[str, Any]:
        (check,) = [c for c in await readiness(parts, propagation) if c.name == "kafka"]
        assert check.ok  # no decision rests on it
        return dict(check.facts)

    async with propagating(replace(parts, settings=configured)) as propagation:
        assert propagation is not None
        hearing, relay = propagation.hearing, propagation.relay
        await until(lambda: hearing.current() and relay.position == 2)
        found = await facts(propagation)
        assert (found["hearing"], found["relay_here"]) == (True, "publishing")
        assert (found["relay_position"], found["relay_lag_events"]) == (2, 0)
        assert "problem" not in found
    for module in (invalidation, publisher):
        for name in ("_TIMEOUT_MS", "TIMEOUT_MS"):
            monkeypatch.setattr(module, name, 300, raising=False)
    nowhere = settings.model_copy(update={"kafka_bootstrap_servers": "127.0.0.1:1"})
    async with propagating(replace(parts, settings=nowhere)) as propagation:
        assert propagation is not None
        hearing = propagation.hearing
        await until(lambda: hearing.problem is not None)
        assert "LEDGER_KAFKA_BOOTSTRAP_SERVERS" in (await facts(propagation))["mend"]
