"""Whether more orgs may be enforced: what speaks against it, and who would lose what they use."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from psycopg import AsyncConnection

from domain.catalog import Key, module_of
from domain.evidence import Evidence
from domain.facts import LedgerEvent
from domain.gating import EVERYBODY, Gating
from domain.ids import OrgId
from domain.rollout_facts import ShareSet
from projections.watched import Used, evidence, keys_used, orgs_denied

_CANDIDATES = 500  # orgs at a time

StillDenied = Callable[[OrgId, Key], Awaitable[bool]]


@dataclass(frozen=True, slots=True)
class NewlyDenied:
    """An org that a larger share would deny keys which it uses."""

    org: OrgId
    name: str
    keys: Sequence[Used]


@dataclass(frozen=True, slots=True, kw_only=True)
class Readiness:
    """What is known before `share` hundredths of a percent are enforced; a page of the orgs.

    `next` is what `after` must be for the following page, None after the last.
    """

    share: int
    present: int
    evidence: Evidence
    orgs: Sequence[NewlyDenied]
    next: OrgId | None

    @property
    def problems(self) -> list[str]:
        """The thresholds that are exceeded; going up is refused because of them."""
        return self.evidence.against() if self.share > self.present else []


def versions_of(facts: Iterable[LedgerEvent]) -> tuple[list[int], list[int]]:
    """The rollout's versions since the present share was set, and all in which it was none."""
    share, since, newest, baseline = EVERYBODY, 0, 0, []
    for fact in facts:
        newest = fact.originator_version
        if isinstance(fact, ShareSet):
            if fact.share > share or not since:  # going down wipes no evidence
                since = newest
            share = fact.share
        if share == 0:
            baseline.append(newest)
    return list(range(since, newest + 1)), baseline


async def weighed(connection: AsyncConnection, facts: Iterable[LedgerEvent]) -> Evidence:
    """What speaks for or against enforcing for more orgs than by the last of `facts`."""
    present, baseline = versions_of(facts)
    return await evidence(connection, present=present, baseline=baseline)


async def newly_denied(
    connection: AsyncConnection,
    *,
    present: Gating,
    then: Gating,
    still_denied: StillDenied,
    after: str,
    limit: int,
) -> tuple[list[NewlyDenied], OrgId | None]:
    """A page of the orgs that `then` would deny keys they use, by id as text, and where it ends.

    Args:
        still_denied: whether an org's entitlements deny a key at present.
    """
    found: list[NewlyDenied] = []
    while True:
        orgs = await orgs_denied(connection, after=after, limit=_CANDIDATES)
        used = await keys_used(connection, [org for org in orgs if _moves(org, present, then)])
        for org, keys in groupby(used, key=lambda use: use.org):
            losing = [use for use in keys if _enforced(use, present, then)]
            losing = [use for use in losing if await still_denied(org, use.key)]
            if losing and len(found) == limit:
                return found, found[-1].org
            if losing:
                found.append(NewlyDenied(org, losing[0].name, losing))
        if len(orgs) < _CANDIDATES:
            return found, None
        after = orgs[-1]


def _moves(org: OrgId, present: Gating, then: Gating) -> bool:
    return present.ruling_of_org(org) != then.ruling_of_org(org)


def _enforced(use: Used, present: Gating, then: Gating) -> bool:
    module = module_of(use.key)
    return present(use.org, module) != "enforce" and then(use.org, module) == "enforce"
