"""The library's recorder interface over our log: its reads as they are, its writes as one call."""

from collections.abc import Sequence
from typing import Any

from eventsourcing.persistence import IntegrityError, Notification, StoredEvent
from eventsourcing.postgres import PostgresApplicationRecorder, PostgresDatastore
from psycopg.sql import SQL, Composed

from infra.store.append import CALL, Append, arguments, results


class LedgerRecorder(PostgresApplicationRecorder):
    """Reads `ledger.events` for the library; `insert_events` goes through `ledger_append`.

    The library retries an insert whose reply was lost and would then report a conflict with
    itself; here the command ids are made before the first try, so a retry finds its own work.
    The datastore's schema must be `ledger`: the library looks there for types of its own.
    """

    def __init__(self, datastore: PostgresDatastore) -> None:
        super().__init__(datastore, events_table_name="events")
        self.channel_name = "ledger"  # never rename: the append function notifies it
        self.select_events_statement = Composed(
            [
                SQL(
                    "SELECT stream AS originator_id, version AS originator_version, topic, state"
                    " FROM (SELECT stream, version, version AS originator_version, topic, state"
                    "         FROM ledger.events) AS events WHERE stream = %s"
                )
            ]
        )
        self.max_notification_id_statement = Composed(
            [SQL("SELECT nullif(position, 0) AS max FROM ledger.head")]
        )

    def insert_events(
        self, stored_events: Sequence[StoredEvent], **kwargs: Any
    ) -> Sequence[int] | None:
        """Append the commands given as `appends`; there is no other way to write an event.

        Raises:
            IntegrityError: a stream is at another version; nothing of that command was written.
        """
        appends: Sequence[Append] = kwargs["appends"]
        if not appends:
            return []
        return self._append(appends)

    def _append(self, appends: Sequence[Append]) -> list[int]:
        with self.datastore.get_connection() as connection:
            cursor = connection.execute(CALL, arguments(appends), prepare=True, binary=True)
            outcomes = results(tuple((cursor.fetchone() or {}).values()))
        pairs = zip(appends, outcomes, strict=True)
        moved = [append.stream for append, outcome in pairs if outcome.verdict == "conflict"]
        if moved:
            raise IntegrityError(f"another writer moved {', '.join(moved)}")
        return [
            outcome.first_position + offset
            for append, outcome in zip(appends, outcomes, strict=True)
            if outcome.first_position is not None
            for offset in range(len(append.events))
        ]

    def select_notifications(
        self,
        start: int | None,
        limit: int,
        stop: int | None = None,
        topics: Sequence[str] = (),
        *,
        inclusive_of_start: bool = True,
    ) -> Sequence[Notification]:
        """Events by position, `start` included unless told otherwise, at most `limit`."""
        first = 0 if start is None else start + (not inclusive_of_start)
        with self.datastore.get_connection() as connection:
            rows = connection.execute(
                "SELECT position, stream, version, topic, state FROM ledger.events"
                " WHERE position >= %s AND (%s::bigint IS NULL OR position <= %s)"
                " AND (%s::text[] = '{}' OR topic = ANY(%s)) ORDER BY position LIMIT %s",
                (first, stop, stop, list(topics), list(topics), limit),
            ).fetchall()
        return [
            Notification(
                id=row["position"],
                originator_id=row["stream"],
                originator_version=row["version"],
                topic=row["topic"],
                state=bytes(row["state"]),
            )
            for row in rows
        ]
