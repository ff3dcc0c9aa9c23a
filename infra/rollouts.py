"""The rollout for HTTP and the command line: read from the log, changed through `Steering`."""

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Any
from uuid import UUID

from domain.actors import Provenance
from domain.gating import EVERYBODY
from domain.history import Recorded
from domain.rollout import Rollout, rebuilt
from domain.steering import Steer, Steered
from infra.store.mapper import read_fact
from infra.store.steering import Steering
from projections.rollout import Member, cohort, read_rollout, rollout_history


class Rollouts:
    """See `api.parts.Rollouts`.

    Args:
        reading: gives a connection to read with.
    """

    def __init__(
        self,
        reading: Callable[[], AbstractAsyncContextManager[Any]],
        *,
        steering: Steering,
    ) -> None:
        self._reading = reading
        self._steering = steering

    async def rollout(self) -> Rollout:
        """The rollout as the ledger has it now."""
        async with self._reading() as connection:
            return await read_rollout(connection, decode=read_fact)

    async def known_at(self, known_at: datetime | None) -> tuple[Rollout, list[Recorded]]:
        """The rollout by what had been recorded at an instant, and the facts it came from."""
        async with self._reading() as connection:
            changes = await rollout_history(connection, decode=read_fact, known_at=known_at)
        return rebuilt(entry.fact for entry in changes), changes

    async def steer(
        self,
        commands: Sequence[Steer],
        *,
        by: Provenance,
        command_id: UUID | None = None,
        fingerprint: bytes = b"",
        dry_run: bool = False,
    ) -> Steered:
        """Carry out commands on the rollout, all or none, or raise a Refusal."""
        return await self._steering.steer(
            commands,
            by=by,
            command_id=command_id,
            fingerprint=fingerprint,
            dry_run=dry_run,
        )

    async def cohort(
        self, *, share: int | None, tag: str | None, after: str, limit: int
    ) -> list[Member]:
        """The registered orgs within a share of hundredths of a percent, or under a tag."""
        among = None
        if tag is not None:
            among = sorted((await self.rollout()).tags.get(tag, ()))
        async with self._reading() as connection:
            return await cohort(
                connection,
                share=EVERYBODY if share is None else share,
                among=among,
                after=after,
                limit=limit,
            )
