"""Appends the facts of the bypass to streams of their own."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from domain.actors import Provenance
from domain.facts import Fact, LedgerEvent, common, happened
from domain.ids import Stream, uuid7
from infra.store.append import Append, Appended
from infra.store.journal import Journal
from infra.store.mapper import stored


class Notes:
    """Makes a fact and appends it; the journal lets those that wait at once share a commit."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    async def write(
        self,
        fact: type[LedgerEvent],
        *,
        stream: Stream,
        by: Provenance,
        now: datetime,
        expected: int | None = None,
        effective_at: datetime | None = None,
        command_id: UUID | None = None,
        **content: Any,
    ) -> Appended:
        """What became of the fact; the same `command_id` again acts once.

        Raises:
            Unavailable: it could not be recorded, or that could not be found out.
        """
        version = 0 if expected is None else expected + 1
        noted = made(
            fact,
            stream=stream,
            version=version,
            by=by,
            now=now,
            effective_at=effective_at,
            content=content,
        )
        return await self._journal.append(
            Append(
                command_id=command_id or uuid7(now),
                stream=stream,
                expected=expected,
                events=[stored(noted)],
            )
        )


def made(
    fact: type[Fact],
    *,
    stream: Stream,
    by: Provenance,
    now: datetime,
    version: int = 0,
    content: Mapping[str, Any],
    effective_at: datetime | None = None,
) -> Fact:
    """A fact of the bypass; the database gives the version where any will do."""
    place = {"originator_id": stream, "originator_version": version}
    return happened(fact, {**place, **common(now=now, by=by, effective_at=effective_at), **content})
