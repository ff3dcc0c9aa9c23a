"""The directory of orgs: in the order of their ids, and without reading all of them for a page."""

from typing import Any

import psycopg
import pytest

from domain.ids import OrgId, org_stream
from domain.org import Org
from infra.database import Database
from infra.store.connections import connect
from projections.current import written
from projections.orgs import LIST, WALK, list_orgs, walk_orgs

pytestmark = pytest.mark.anyio

MANY = 5_000
Connection = psycopg.Connection[tuple[Any, ...]]
PAGE = {"after": "2500", "search": "", "pattern": "%%", "limit": 50}


@pytest.fixture(scope="module")
def many(module_database: Database) -> Database:
    """A database with many orgs, whose view rows are all there is to them."""
    org = Org.blank(org_stream(OrgId("1")))
    with psycopg.connect(module_database.owner_url, autocommit=True) as owner:
        owner.execute(
            "INSERT INTO ledger.current_entitlements"
            " (org, name, org_version, position, state, granted)"
            " SELECT n::text, 'Org ' || n, 1, n, %s, '{}' FROM generate_series(%s, 1, -1) AS n",
            (written(org), MANY),
        )
        owner.execute("ANALYZE ledger.current_entitlements")
    return module_database


def plan(database: Database, statement: str, **values: Any) -> str:
    """How PostgreSQL goes about a statement."""
    with psycopg.connect(database.app_url) as app:
        rows = app.execute(b"EXPLAIN " + statement.encode(), values).fetchall()
    return "\n".join(row[0] for row in rows)


@pytest.mark.parametrize("statement", [LIST, WALK], ids=["list", "walk"])
def test_a_page_of_orgs_is_read_from_the_index_in_its_order(many: Database, statement: str) -> None:
    """Neither the whole table nor a sort of it, for the first page or for a later one."""
    for after in ("", "2500"):
        found = plan(many, statement, **PAGE | {"after": after})
        assert "Index Scan using current_entitlements_listed" in found, found
        assert "Sort" not in found, found
        assert "Index Cond" in found, found


async def test_numbers_are_listed_in_the_order_of_numbers(many: Database) -> None:
    connection = await connect(many.app_url)
    async with connection:
        page = await list_orgs(connection, after="9", limit=3)
        every = [org.org_id async for org in walk_orgs(connection)]
    assert [row.org for row in page] == ["10", "11", "12"]
    assert every == [str(number) for number in range(1, MANY + 1)]
