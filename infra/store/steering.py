"""Changing the rollout: load, decide, append, as for an org, on the one stream of the rollout."""

import json
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, cast
from uuid import UUID

from domain.actors import Provenance
from domain.evidence import Evidence
from domain.facts import LedgerEvent
from domain.ids import ROLLOUT_STREAM, uuid7
from domain.refusals import IdempotencyKeyReused, Unavailable
from domain.rollout import Rollout
from domain.steering import Steer, Steered, SteeringContext
from infra.clock import LedgerClock
from infra.store.append import Append, Appended
from infra.store.journal import Journal
from infra.store.mapper import read_fact, stored
from projections.commands import carried_out
from projections.rollout import Gates, read_rollout
from projections.shelf import Shelf

_MOST_TRIES = 10


class Steering:
    """Carries out commands on the rollout; whoever loses a race is judged again."""

    def __init__(
        self,
        *,
        journal: Journal,
        gates: Gates,
        shelf: Shelf,
        clock: LedgerClock,
        reading: Callable[[], AbstractAsyncContextManager[Any]],
    ) -> None:
        self._journal = journal
        self._gates = gates
        self._shelf = shelf
        self._clock = clock
        self._reading = reading

    async def steer(
        self,
        commands: Sequence[Steer],
        *,
        by: Provenance,
        evidence: Evidence,
        command_id: UUID | None = None,
        fingerprint: bytes = b"",
        dry_run: bool = False,
    ) -> Steered:
        """Judge `commands` in order, all or none, and append what follows.

        The same `command_id` again acts once and answers the same.

        Raises:
            Refusal: it cannot be done; nothing was written.
        """
        for _ in range(_MOST_TRIES):
            rollout, earlier = await self._loaded(command_id, fingerprint)
            if earlier is not None:
                return earlier
            expected = rollout.version
            now = max(self._clock.now(), rollout.modified_on)
            context = SteeringContext(
                now=now, by=by, catalog=self._shelf.catalog, evidence=evidence
            )
            for command in commands:
                command.decide(rollout, context)
            facts = cast("list[LedgerEvent]", rollout.collect_events())
            steered = Steered(
                version=rollout.version,
                facts=tuple(fact.TOPIC for fact in facts),
                rollout=rollout,
            )
            if dry_run or not (facts or command_id):
                return steered
            appended = await self._append(
                facts, steered, expected=expected, command_id=command_id, fingerprint=fingerprint
            )
            # Where the caller gave no id, a known command is this very append, sent a second time.
            if appended.verdict == "appended" or (appended.verdict == "known" and not command_id):
                self._gates.put(rollout)
                return steered.at(appended.first_position)
        raise Unavailable("The rollout is being changed by many at once; ask again.")

    async def _loaded(
        self, command_id: UUID | None, fingerprint: bytes
    ) -> tuple[Rollout, Steered | None]:
        async with self._reading() as connection:
            rollout = await read_rollout(connection, decode=read_fact)
            if command_id is None:
                return rollout, None
            earlier = (await carried_out(connection, [command_id])).get(command_id)
        if earlier is None:
            return rollout, None
        if (earlier.fingerprint or b"") != fingerprint:
            raise IdempotencyKeyReused
        assert earlier.response is not None  # as it is kept with every command
        kept = json.loads(earlier.response)
        steered = Steered(version=kept["version"], facts=tuple(kept["facts"]), rollout=rollout)
        return rollout, steered.at(earlier.first_position)

    async def _append(
        self,
        facts: Sequence[LedgerEvent],
        steered: Steered,
        *,
        expected: int,
        command_id: UUID | None,
        fingerprint: bytes,
    ) -> Appended:
        kept = {"version": steered.version, "facts": steered.facts}
        return await self._journal.append(
            Append(
                command_id=command_id or uuid7(self._clock.now()),
                stream=ROLLOUT_STREAM,
                expected=expected,
                events=[stored(fact) for fact in facts],
                fingerprint=fingerprint or None,
                response=json.dumps(kept).encode() if command_id else None,
            )
        )
