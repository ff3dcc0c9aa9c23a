"""The rollout read from the log: as it is, as it was, who is in it; and the last good one, held."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import NamedTuple

from psycopg import AsyncConnection

from domain.catalog import Key
from domain.gating import SALT, Gating, Mode
from domain.history import Recorded
from domain.ids import ROLLOUT_STREAM, OrgId
from domain.rollout import Rollout, rebuilt
from projections.history import Decode, recorded_in

# The bucket of `domain.gating.bucket`, so that a cohort is found without reading every org.
_COHORT = """
    SELECT org, name FROM ledger.current_entitlements
     WHERE ('x' || substr(encode(sha256(convert_to(%s || ':' || org, 'UTF8')), 'hex'), 1, 8))
           ::bit(32)::bigint %% 10000 < %s
       AND (%s::text[] IS NULL OR org = ANY(%s))
       AND org > %s COLLATE "C"
     ORDER BY org LIMIT %s
"""


class Member(NamedTuple):
    """An org of a cohort."""

    org: OrgId
    name: str


async def read_rollout(
    connection: AsyncConnection, *, decode: Decode, known_at: datetime | None = None
) -> Rollout:
    """The rollout as the facts recorded by `known_at` made it; all of them without one."""
    history = await rollout_history(connection, decode=decode, known_at=known_at)
    return rebuilt(entry.fact for entry in history)


async def rollout_history(
    connection: AsyncConnection, *, decode: Decode, known_at: datetime | None = None
) -> list[Recorded]:
    """Every fact of the rollout, oldest first."""
    return await recorded_in(connection, ROLLOUT_STREAM, decode=decode, known_at=known_at)


async def cohort(
    connection: AsyncConnection,
    *,
    share: int,
    among: Sequence[OrgId] | None = None,
    after: str = "",
    limit: int,
) -> list[Member]:
    """The registered orgs within `share` hundredths of a percent, by id as text, after `after`.

    Args:
        among: only these.
    """
    some = list(among) if among is not None else None
    cursor = await connection.execute(_COHORT, (SALT, share, some, some, after, limit))
    return [Member(OrgId(org), name) for org, name in await cursor.fetchall()]


class Gates:
    """The rules that this process decides by: the last good ones, whatever happens.

    Calling it gives the mode of one org and module, as `domain.decision.Gating` has it.
    """

    def __init__(self) -> None:
        self.problem: str | None = None
        self.moved: Callable[[Rollout], None] = lambda rollout: None  # it holds from now on
        self.listeners: list[Callable[[], None]] = []  # hear that other rules hold here
        self._take(Gating())

    def __call__(self, org: OrgId, module: Key) -> Mode:
        return self._gating(org, module)

    @property
    def gating(self) -> Gating:
        """The rules in force in this process."""
        return self._gating

    def put(self, rollout: Rollout, *, instead: bool = False) -> None:
        """Decide by `rollout` from now on, unless a newer one is held (`instead`: even then)."""
        self.problem = None
        gating = rollout.gating.here(killed=self._gating.killed_here)
        is_newer = gating.version > self._gating.version
        if instead or is_newer:
            self._take(gating)
        if is_newer:
            self.moved(rollout)

    def switch(self, *, killed: bool) -> None:
        """Take over what this machine's own switch says."""
        self._take(self._gating.here(killed=killed))

    def keep(self, problem: str) -> None:
        """Go on by what is held, because the newest cannot be read; `problem` says why."""
        self.problem = problem

    def _take(self, gating: Gating) -> None:
        self._gating, self.version, self.uniform = gating, gating.version, gating.uniform
        for hear in self.listeners:
            hear()
