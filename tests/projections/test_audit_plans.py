"""Every page of the audit log is led to by an index, whatever is asked, and walks few rows of it.

The view has a hundred and fifty thousand rows; PostgreSQL itself counts those it touches.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import combinations
from typing import Any

import psycopg
import pytest

from infra.database import Database
from projections.audit_pages import FIRST_SINCE, AuditQuery, Stretch, page_statement

ROWS = 150_000
MOST = ROWS // 20  # rows that a page may touch
BEGAN = datetime(2025, 1, 1, tzinfo=UTC)
SOMETHING: dict[str, Any] = {
    "org": "42",  # every tenth event is about it
    "key": "key-1",
    "actor": "actor-1",
    "types": ("type-1",),
    "source": "source-1",
    "batch": "batch-1",
}
RARE: dict[str, Any] = {
    "org": "4001",
    "key": "rare",
    "actor": "rare",
    "types": ("rare",),
    "source": "rare",
    "batch": "rare",
}
MARKS = list(SOMETHING)
SUBSETS = [subset for size in range(1, 7) for subset in combinations(MARKS, size)]

# Marks are independent of each other. The rare ones are at the ends of the log, where a walk takes
# longest; 'early' did a tenth of everything, long ago.
_ROWS = f"""
    INSERT INTO ledger.audit_entries
    SELECT n, CASE WHEN n % 10 = 0 THEN '42'
                ELSE ((hashint8extended(n, 1) & 65535) % 4000)::text END,
           CASE WHEN rare THEN 'rare' ELSE 'key-' || (hashint8extended(n, 2) & 65535) % 17 END,
           CASE WHEN rare THEN 'rare' ELSE 'type-' || (hashint8extended(n, 3) & 65535) % 9 END,
           CASE WHEN rare THEN 'rare' WHEN n < {ROWS} / 10 THEN 'early'
                ELSE 'actor-' || (hashint8extended(n, 4) & 65535) % 40 END,
           CASE WHEN rare THEN 'rare' WHEN n % 3 > 0
                THEN 'source-' || (hashint8extended(n, 5) & 65535) % 5 END,
           CASE WHEN rare THEN 'rare' WHEN n % 11 = 0
                THEN 'batch-' || (hashint8extended(n, 6) & 65535) % 50 END,
           timestamptz '2025-01-01Z' + n * interval '1 minute'
      FROM generate_series(1, {ROWS}) AS n,
           LATERAL (SELECT n BETWEEN 20 AND 24 OR n BETWEEN {ROWS} - 24 AND {ROWS} - 20) AS r (rare)
"""  # noqa: S608 - a number from above
_EVENTS = f"""
    INSERT INTO ledger.events
    SELECT n, 's-' || n % 100, n, '00000000-0000-7000-8000-000000000000', 't', '{{}}', now(), ''
      FROM generate_series(1, {ROWS}, 10) AS n
"""  # noqa: S608 - the same


@pytest.fixture(scope="module")
def crowded(module_database: Database) -> Iterator[psycopg.Connection]:
    """A view that is much longer than a page, in the order in which it would be written."""
    with psycopg.connect(module_database.owner_url, autocommit=True) as connection:
        indexes = connection.execute(
            "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = 'audit_entries'"
        ).fetchall()
        for name, _ in indexes:  # they are quicker made at the end
            connection.execute(f"DROP INDEX ledger.{name}".encode())
        connection.execute(_ROWS.encode())
        for _, definition in indexes:
            connection.execute(definition.encode())
        connection.execute(_EVENTS.encode())
        connection.execute("UPDATE ledger.followers SET position = %s", (ROWS,))
        connection.execute("VACUUM (ANALYZE) ledger.audit_entries, ledger.events")
        yield connection


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Every node of a plan."""
    yield plan
    for below in plan.get("Plans", []):
        yield from nodes(below)


def plan_of(connection: psycopg.Connection, statement: Any, values: Any) -> dict[str, Any]:
    """The plan of a statement as it was carried out."""
    text = statement if isinstance(statement, str) else statement.as_string(connection)
    explain = f"EXPLAIN (ANALYZE, TIMING OFF, BUFFERS OFF, FORMAT JSON) {text}"
    row = connection.execute(explain.encode(), values).fetchone()
    assert row is not None
    plan: dict[str, Any] = row[0][0]["Plan"]
    return plan


def touched(plan: dict[str, Any]) -> int:
    """How many rows of the view were looked at; ten that an index only ticks off cost as one.

    A scan of a whole table is a failure by itself.
    """
    found = 0.0
    for node in nodes(plan):
        assert node["Node Type"] != "Seq Scan" or node["Relation Name"] == "followers", node
        index = node.get("Index Name", "")
        if node.get("Relation Name") == "audit_entries" or index.startswith("audit_"):
            removed = node.get("Rows Removed by Filter", 0)
            removed += node.get("Rows Removed by Index Recheck", 0)
            weight = 0.1 if node["Node Type"] == "Bitmap Index Scan" else 1
            found += weight * node["Actual Loops"] * (node["Actual Rows"] + removed)
    return int(found)


def page(connection: psycopg.Connection, query: AuditQuery, stretch: Stretch) -> int:
    """How many rows of the view a page touches."""
    return touched(plan_of(connection, *page_statement(query, stretch)))


STRETCHES = {
    "whole": Stretch(),
    "week": Stretch(after=ROWS // 2, before=ROWS // 2 + 7 * 1440),
    "deep": Stretch(after=ROWS // 3, before=ROWS - ROWS // 3),
}


@pytest.mark.parametrize("newest_first", [True, False], ids=["newest", "oldest"])
@pytest.mark.parametrize("marks", [SOMETHING, RARE], ids=["common", "rare"])
def test_any_filters_together_touch_few_rows(
    crowded: psycopg.Connection, marks: dict[str, Any], newest_first: bool
) -> None:
    """All 63 combinations, with a range of time and from deep in the log."""
    most = {}
    for subset in SUBSETS:
        query = AuditQuery(newest_first=newest_first, **{name: marks[name] for name in subset})
        for name, stretch in STRETCHES.items():
            most[subset, name] = page(crowded, query, stretch)

    assert max(most.values()) <= MOST, max(most.items(), key=lambda item: item[1])


def test_a_common_mark_and_a_rare_one_touch_few_rows(crowded: psycopg.Connection) -> None:
    """The rare one leads."""
    for common, rare in ((a, b) for a in MARKS for b in MARKS if a != b):
        query = AuditQuery(**{common: SOMETHING[common], rare: RARE[rare]})
        assert page(crowded, query, Stretch()) <= MOST, (common, rare)


def test_several_types_are_looked_for_one_by_one(crowded: psycopg.Connection) -> None:
    """Each by its index, up to a page."""
    query = AuditQuery(types=("type-1", "type-2", "rare"))
    assert page(crowded, query, Stretch()) <= 3 * query.limit


def test_without_a_mark_a_page_is_a_piece_of_the_log(crowded: psycopg.Connection) -> None:
    """The view is not touched, and the log by its key."""
    for stretch in STRETCHES.values():
        plan = plan_of(crowded, *page_statement(AuditQuery(), stretch))
        assert touched(plan) == 0
        assert {node.get("Index Name") for node in nodes(plan)} >= {"events_pkey"}


def test_an_instant_is_turned_into_a_place_by_one_row(crowded: psycopg.Connection) -> None:
    """However far from either end."""
    instants = [BEGAN + timedelta(minutes=ROWS * share // 3) for share in (1, 2)]
    assert touched(plan_of(crowded, FIRST_SINCE, instants)) == 2


def test_the_mutant_without_an_index_in_the_log_s_order_walks_the_log(
    crowded: psycopg.Connection,
) -> None:
    """By its share of the log the planner expects an early actor's events near its end."""
    query = AuditQuery(actor="early")
    assert page(crowded, query, Stretch()) <= query.limit

    with crowded.transaction(force_rollback=True):
        crowded.execute("DROP INDEX ledger.audit_by_actor")
        crowded.execute("CREATE INDEX ON ledger.audit_entries (position)")

        assert page(crowded, query, Stretch()) > MOST
