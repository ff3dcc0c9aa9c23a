"""The rollout for HTTP and the command line: read from the log, changed through `Steering`."""

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from domain.actors import Provenance
from domain.catalog import Key
from domain.decision import REASONS
from domain.evidence import Evidence
from domain.gating import EVERYBODY
from domain.history import Recorded
from domain.ids import OrgId
from domain.rollout import Rollout, rebuilt
from domain.steering import Advance, SetDefault, SetShare, Steer, Steered
from infra.store.mapper import read_fact
from infra.store.steering import Steering
from projections.readiness import Readiness, newly_denied, weighed
from projections.rollout import Member, cohort, read_rollout, rollout_history
from projections.rows import Rows


class Rollouts:
    """See `api.parts.Rollouts`.

    Args:
        reading: gives a connection to read with.
        rows: what the entitlements of orgs say at present.
    """

    def __init__(
        self,
        reading: Callable[[], AbstractAsyncContextManager[Any]],
        *,
        steering: Steering,
        rows: Rows,
    ) -> None:
        self._rows = rows
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
        promoting = any(_promotes(command) for command in commands)
        return await self._steering.steer(
            commands,
            by=by,
            evidence=await self._weighed() if promoting else Evidence(),
            command_id=command_id,
            fingerprint=fingerprint,
            dry_run=dry_run,
        )

    async def readiness(self, *, share: int, after: str, limit: int) -> Readiness:
        """What is known before a share is enforced, with a page of the orgs it would deny."""
        async with self._reading() as connection:
            changes = await rollout_history(connection, decode=read_fact)
            present = rebuilt(entry.fact for entry in changes).gating
            orgs, following = await newly_denied(
                connection,
                present=present,
                then=replace(present, share=share),
                still_denied=self._still_denied,
                after=after,
                limit=limit,
            )
            return Readiness(
                share=share,
                present=present.share,
                evidence=await weighed(connection, (entry.fact for entry in changes)),
                orgs=orgs,
                next=following,
            )

    async def _weighed(self) -> Evidence:
        async with self._reading() as connection:
            changes = await rollout_history(connection, decode=read_fact)
            return await weighed(connection, (entry.fact for entry in changes))

    async def _still_denied(self, org: OrgId, key: Key) -> bool:
        """It may have been granted since it was denied; a key that is gone is nobody's loss."""
        place = self._rows.columns.place_of.get(key)
        return place is not None and REASONS[(await self._rows.get(org))[place]] is not None

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


def _promotes(command: Steer) -> bool:
    """Whether it may enforce for more; to gate nobody must work whatever else does not."""
    match command:
        case Advance():
            return True
        case SetShare(share=share):
            return share > 0
        case SetDefault(mode=mode):
            return mode == "enforce"
    return False
