"""What tests of the relay ask of the ledger and of the topics."""

import json

import psycopg

from consumers.topics import Topics
from infra.database import Database
from tests.brokers import states
from tests.infra.store.world import head


def position(database: Database) -> int:
    with psycopg.connect(database.app_url) as connection:
        return head(connection).position


def folded(servers: str, topics: Topics) -> dict[str, dict[str, object]]:
    """What a subscriber that reads the whole topic ends with: the last record of each org."""
    return {r.key.decode(): json.loads(r.value) for r in states(servers, topics)}


def document_of(database: Database) -> dict[str, object]:
    with psycopg.connect(database.app_url) as connection:
        row = connection.execute(
            "SELECT convert_from(state, 'UTF8')::json -> 'document' FROM ledger.events"
            " WHERE stream = 'catalog'"
        ).fetchone()
    assert row is not None
    found: dict[str, object] = row[0]
    return found
