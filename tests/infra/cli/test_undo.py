"""The way back from a change of the rollout, where it can be typed at all."""

import pytest

from domain.gating import Gating
from domain.ids import OrgId
from infra.cli.rollout.undo import undoing

ACME = OrgId("7")
MANY = frozenset(OrgId(str(number)) for number in range(1, 22))


def test_who_was_released_is_forced_again() -> None:
    [back] = undoing(Gating(forced_orgs={ACME: "enforce"}), Gating())

    assert "--force-org 7" in back


@pytest.mark.parametrize(
    ("before", "now"),
    [
        (Gating(), Gating(exempt_orgs=MANY)),
        (Gating(forced_orgs={ACME: "shadow"}), Gating()),
        (Gating(forced_orgs={ACME: "shadow"}), Gating(forced_orgs={ACME: "enforce"})),
    ],
    ids=["more orgs than a line holds", "released from shadow", "another mode"],
)
def test_half_of_a_way_back_is_not_told(before: Gating, now: Gating) -> None:
    """It would leave other rules than there were, or enforce for who was only watched."""
    assert undoing(before, now) == []
