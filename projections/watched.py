"""What is watched of decisions: denials by org and key, seen here, kept in batches, and read.

Nothing of it is ever on an org's stream, and no decision waits for it or fails with it: it is
counted in memory that has a bound, and what cannot be kept is kept later, or lost.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from psycopg import AsyncConnection

from domain.catalog import Key
from domain.evidence import Evidence, Watched
from domain.ids import OrgId

PRESENT_HOURS = 24  # for so long a denial speaks against going on, as the plan would watch a step
MOST_DENIALS = 10_000  # by org and key, between two times of keeping them
KEPT_DAYS = 30
_ALWAYS = 24 * 366 * 100  # hours

_KEEP = """
    SELECT ledger.keep_watched(
        %s::bigint[], %s::bigint[], %s::bigint[], %s::float8[],
        %s::bigint[], %s::text[], %s::text[], %s::boolean[], %s::text[],
        %s::bigint[], %s::timestamptz[])
"""
_SUMS = """
    SELECT coalesce(sum(checks), 0)::bigint, coalesce(sum(unexpected), 0)::bigint,
           coalesce(sum(answers), 0)::bigint, coalesce(sum(seconds), 0)::float8
      FROM ledger.rollout_watched
     WHERE rollout_version = ANY(%s)
       AND hour > clock_timestamp() - make_interval(hours => %s)
"""
_SEEN = """
    SELECT org, name, key, denied_by, legacy, uses, last_use
      FROM (SELECT DISTINCT ON (s.org, s.key) s.org, c.name, s.key, s.denied_by, s.legacy,
                   sum(s.uses) OVER (PARTITION BY s.org, s.key)::bigint AS uses, s.last_use
              FROM ledger.denials_seen s JOIN ledger.current_entitlements c USING (org)
             WHERE s.org = ANY(%s)
             ORDER BY s.org, s.key, s.last_use DESC) AS newest
     ORDER BY org, key
"""
_ORGS = """
    SELECT DISTINCT org FROM ledger.denials_seen
     WHERE org > %s COLLATE "C" ORDER BY org LIMIT %s
"""


class Denial(NamedTuple):
    """A use of a key that was denied, or would have been, by one version of the rollout."""

    version: int
    org: OrgId
    key: Key
    denied_by: str
    enforced: bool


@dataclass(slots=True)
class Seen:
    """How often, and when last."""

    uses: int
    last_use: datetime


class Used(NamedTuple):
    """A key of an org that was denied or would have been; `legacy` is what its flag said."""

    org: OrgId
    name: str
    key: Key
    denied_by: str
    legacy: bool | None
    uses: int
    last_use: datetime


@dataclass(slots=True)
class Batch:
    """What was seen since it was last kept; `unsampled` found no room."""

    checks: dict[int, int] = field(default_factory=dict)
    answers: dict[int, tuple[int, float]] = field(default_factory=dict)
    denials: dict[Denial, Seen] = field(default_factory=dict)
    unsampled: int = 0

    def __bool__(self) -> bool:
        return bool(self.checks or self.answers or self.denials)


class Sight:
    """What one process sees; `take` empties it."""

    def __init__(self, *, most: int = MOST_DENIALS) -> None:
        self._most = most
        self._batch = Batch()
        self._quick: dict[tuple[int, OrgId], dict[tuple[str, int], Seen]] = {}

    def checked(self, number: int, *, version: int) -> None:
        """So many decisions were gated or watched, by a version of the rollout."""
        self._batch.checks[version] = self._batch.checks.get(version, 0) + number

    def quick(self, org: OrgId, *, version: int) -> dict[tuple[str, int], Seen]:
        """What was seen of an org, by a key and how its decision is counted: so again is cheap."""
        found = self._quick.get((version, org))
        return self._quick.setdefault((version, org), {}) if found is None else found

    def denied(self, denial: Denial, at: datetime, *, uses: int = 1) -> Seen | None:
        """One of them was a denial, or would have been; None where there is no room for it."""
        seen = self._batch.denials.get(denial)
        if seen is not None:
            seen.uses += uses
            seen.last_use = max(at, seen.last_use)
        elif len(self._batch.denials) < self._most:
            seen = self._batch.denials[denial] = Seen(uses, at)
        else:
            self._batch.unsampled += uses
        return seen

    def answered(self, number: int, seconds: float, *, version: int) -> None:
        """So many answers of the check route took so long in sum."""
        before, took = self._batch.answers.get(version, (0, 0.0))
        self._batch.answers[version] = before + number, took + seconds

    def take(self) -> Batch:
        """What was seen since the last time."""
        batch, self._batch, self._quick = self._batch, Batch(), {}
        return batch

    def put_back(self, batch: Batch) -> None:
        """It could not be kept; the bound holds for what is kept later, too."""
        for version, number in batch.checks.items():
            self.checked(number, version=version)
        for version, (number, seconds) in batch.answers.items():
            self.answered(number, seconds, version=version)
        for denial, seen in batch.denials.items():
            self.denied(denial, seen.last_use, uses=seen.uses)
        self._batch.unsampled += batch.unsampled


async def keep(connection: AsyncConnection, batch: Batch) -> list[bool | None]:
    """Keep a batch; what the legacy view says of each of its denials, None for an unknown org."""
    versions = sorted(batch.checks.keys() | batch.answers.keys())
    answers = [batch.answers.get(version, (0, 0.0)) for version in versions]
    denials = batch.denials
    cursor = await connection.execute(
        _KEEP,
        (
            versions,
            [batch.checks.get(version, 0) for version in versions],
            [number for number, _ in answers],
            [seconds for _, seconds in answers],
            [denial.version for denial in denials],
            [denial.org for denial in denials],
            [denial.key for denial in denials],
            [denial.enforced for denial in denials],
            [denial.denied_by for denial in denials],
            [seen.uses for seen in denials.values()],
            [seen.last_use for seen in denials.values()],
        ),
    )
    row = await cursor.fetchone()
    assert row is not None
    return list(row[0])


async def forget(connection: AsyncConnection, *, before: datetime) -> None:
    """Forget the denials of the days before that of an instant."""
    await connection.execute("SELECT ledger.forget_denials(%s)", (before.date(),))


async def evidence(
    connection: AsyncConnection, *, present: Sequence[int], baseline: Sequence[int]
) -> Evidence:
    """What was watched in a day under some versions of the rollout, beside others at any time."""
    return Evidence(
        present=await _sums(connection, present, hours=PRESENT_HOURS),
        baseline=await _sums(connection, baseline, hours=_ALWAYS),
    )


async def orgs_denied(connection: AsyncConnection, *, after: str, limit: int) -> list[OrgId]:
    """The orgs that were denied something, or would have been, by id as text, after `after`."""
    cursor = await connection.execute(_ORGS, (after, limit))
    return [OrgId(org) for (org,) in await cursor.fetchall()]


async def keys_used(connection: AsyncConnection, orgs: Collection[OrgId]) -> list[Used]:
    """What registered orgs were denied, or would have been, by key with the newest use of it."""
    cursor = await connection.execute(_SEEN, (list(orgs),))
    return [
        Used(OrgId(org), name, Key(key), *rest) for org, name, key, *rest in await cursor.fetchall()
    ]


async def _sums(connection: AsyncConnection, versions: Sequence[int], *, hours: int) -> Watched:
    cursor = await connection.execute(_SUMS, (list(versions), hours))
    row = await cursor.fetchone()
    assert row is not None
    return Watched(*row)
