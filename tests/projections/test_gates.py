"""What a process decides by: the newest rollout, and word of it only when it is a new one."""

from domain.facts import LedgerEvent, common, happened
from domain.ids import ROLLOUT_STREAM
from domain.rollout import Rollout, rebuilt
from domain.rollout_facts import ShareSet
from projections.readiness import versions_of
from projections.rollout import Gates
from tests.domain.world import SUPER_ADMIN, noon


def shares(*hundredths: int) -> list[LedgerEvent]:
    """The facts of a rollout whose share was set to one after the other."""
    found: list[LedgerEvent] = []
    previous = 0
    for place, share in enumerate(hundredths, start=1):
        content = common(now=noon, by=SUPER_ADMIN, effective_at=None)
        content |= {"originator_id": ROLLOUT_STREAM, "originator_version": place}
        content |= {"share": share, "previous": previous, "overrode": []}
        found.append(happened(ShareSet, content))
        previous = share
    return found


def test_only_a_newer_rollout_is_told_of() -> None:
    """After a gap it is read again and put in the place of the same: that is no change."""
    told: list[Rollout] = []
    gates = Gates()
    gates.moved = told.append
    first, second = rebuilt(shares(500)), rebuilt(shares(500, 2_500))

    gates.put(first)
    gates.put(first, instead=True)
    gates.put(second)
    gates.put(second)

    assert told == [first, second]


def test_going_down_wipes_no_evidence() -> None:
    """Or a step down, and two up, would get by what was watched."""
    assert versions_of(shares(500, 2_500)) == ([2], [])
    assert versions_of(shares(500, 2_500, 2_400)) == ([2, 3], [])
    assert versions_of(shares(10_000, 500)) == ([1, 2], [])
    assert versions_of(shares(0, 500, 0)) == ([2, 3], [1, 3])
