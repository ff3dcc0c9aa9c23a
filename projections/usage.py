"""What is used, in numbers: counted from the log, so every process tells the same."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from psycopg import AsyncConnection

from domain.catalog import Key
from domain.facts import ModuleGranted, TrialConverted, TrialStarted

# The audit view leads to the facts of a kind after a place in the log.
_SINCE = """
    SELECT h.epoch, f.position, e.type, e.key, count(e.position)
      FROM ledger.head h CROSS JOIN ledger.followers f
      LEFT JOIN ledger.audit_entries e
             ON e.type = ANY(%s) AND e.position > %s AND e.position <= f.position
            AND coalesce(e.source, '') <> 'legacy'
     WHERE f.view = 'audit'
     GROUP BY h.epoch, f.position, e.type, e.key
"""
_ENABLED = """
    SELECT m.key, count(*)
      FROM ledger.legacy_enabled_modules v CROSS JOIN LATERAL jsonb_each(v.granted::jsonb) AS m
     WHERE EXISTS (SELECT FROM jsonb_array_elements(m.value) AS span
                    WHERE (span ->> 0)::timestamptz <= %s
                      AND ((span ->> 1) IS NULL OR (span ->> 1)::timestamptz > %s))
     GROUP BY m.key
"""
_TOPICS = [ModuleGranted.TOPIC, TrialStarted.TOPIC, TrialConverted.TOPIC]


@dataclass(slots=True)
class Usage:
    """Facts by kind since the log began, up to `position`; `selections` are grants by module.

    What was taken over from the legacy system was not selected by anybody.
    """

    epoch: int = 0
    position: int = 0
    trial_starts: int = 0
    trial_conversions: int = 0
    selections: dict[Key, int] = field(default_factory=dict)

    async def catch_up(self, connection: AsyncConnection) -> None:
        """Count what was recorded since; only that is read."""
        cursor = await connection.execute(_SINCE, (_TOPICS, self.position))
        rows = await cursor.fetchall()
        epoch, position = rows[0][:2]
        if epoch != self.epoch and self.position:  # the log was cut: count it all again
            self._begin(epoch)
            return await self.catch_up(connection)
        self.epoch, self.position = epoch, max(position, self.position)
        for _, _, topic, key, number in rows:
            self._add(topic, key, number)
        return None

    def _begin(self, epoch: int) -> None:
        self.epoch, self.position, self.selections = epoch, 0, {}
        self.trial_starts = self.trial_conversions = 0

    def _add(self, topic: str | None, key: str | None, number: int) -> None:
        if topic == TrialStarted.TOPIC:
            self.trial_starts += number
        elif topic == TrialConverted.TOPIC:
            self.trial_conversions += number
        elif topic == ModuleGranted.TOPIC and key is not None and "." not in key:
            self.selections[Key(key)] = self.selections.get(Key(key), 0) + number


async def enabled_orgs(connection: AsyncConnection, *, at: datetime) -> Mapping[Key, int]:
    """How many orgs may use each module at an instant; every org's row of the legacy view is read.

    Modules that nobody may use are left out.
    """
    cursor = await connection.execute(_ENABLED, (at, at))
    return {Key(name.lower()): number for name, number in await cursor.fetchall()}
