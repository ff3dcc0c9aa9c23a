"""What appends are compared with: bare INSERTs, and the library's own recorder."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import count
from uuid import uuid4

import psycopg
from eventsourcing.persistence import StoredEvent
from eventsourcing.postgres import PostgresApplicationRecorder, PostgresDatastore
from psycopg import Connection

from infra.bench.bare import empty_schema, fresh_table
from infra.bench.rounds import Sample, threads_loop
from infra.bench.samples import Written

MOST_THREADS = 16

BARE = f"bare INSERTs, {MOST_THREADS} threads"
BARE_ALONE = "bare INSERTs, 1 thread"
LIBRARY = f"the library's recorder, {MOST_THREADS} threads"
LIBRARY_ALONE = "the library's recorder, 1 thread"

_INSERT = (
    "INSERT INTO reference.events (stream, version, event_id, topic, state)"
    " VALUES (%s, %s, %s, %s, %s)"
)


class Inserts:
    """Events one by one, one commit each, from threads with a stream and a connection each."""

    def __init__(self, connections: Sequence[Connection], written: Written) -> None:
        self._connections = connections
        self._written = written
        self._versions = [count(1) for _ in connections]

    async def sample(self, *, threads: int, seconds: float) -> Sample:
        """As many as can be had in `seconds`."""
        return await threads_loop(self._insert, threads=threads, seconds=seconds)

    def _insert(self, number: int) -> None:
        version = next(self._versions[number])
        values = (f"org-{number}", version, uuid4(), self._written.topic, self._written.body)
        self._connections[number].execute(_INSERT, values)


class Library:
    """The same through the library's recorder as it comes: LOCK TABLE, one transaction each."""

    def __init__(self, recorder: PostgresApplicationRecorder, written: Written) -> None:
        self._recorder = recorder
        self._written = written
        self._versions = [count(1) for _ in range(MOST_THREADS)]

    async def sample(self, *, threads: int, seconds: float) -> Sample:
        """As many as can be had in `seconds`."""
        return await threads_loop(self._insert, threads=threads, seconds=seconds)

    def _insert(self, number: int) -> None:
        version = next(self._versions[number])
        written = self._written
        self._recorder.insert_events(
            [StoredEvent(f"org-{number}", version, written.topic, written.body)]
        )


@contextmanager
def inserts(url: str, written: Written) -> Iterator[Inserts]:
    """A table like `ledger.events` without its hash, and connections to it."""
    with ExitStack() as stack:
        connections = [
            stack.enter_context(psycopg.connect(url, autocommit=True)) for _ in range(MOST_THREADS)
        ]
        fresh_table(url)
        yield Inserts(connections, written)


@contextmanager
def library(url: str, written: Written) -> Iterator[Library]:
    """The library's own table, in a schema of its own."""
    where = empty_schema(url)
    with PostgresDatastore(
        dbname=where["dbname"],
        host=where["host"],
        port=where["port"],
        user=where["user"],
        password=where["password"],
        pool_size=MOST_THREADS,
        schema=where["schema"],
        originator_id_type="text",
    ) as datastore:
        recorder = PostgresApplicationRecorder(datastore)
        recorder.create_table()
        yield Library(recorder, written)
