"""Which mode a decision is taken in: the first rule that applies, and nested cohorts."""

from collections import Counter

import pytest

from domain.gating import EVERYBODY, Gating, Rule, bucket
from domain.ids import OrgId
from tests.domain.world import CRM, HR

ACME, OTHER = OrgId("acme"), OrgId("other")


@pytest.mark.parametrize(
    ("gating", "rule", "mode"),
    [
        (Gating(), "percentage", "enforce"),
        (Gating(share=0), "default", "off"),
        (Gating(share=0, default="shadow"), "default", "shadow"),
        (Gating(share=0, forced_orgs={ACME: "enforce"}), "forced_org", "enforce"),
        (Gating(forced_orgs={ACME: "shadow"}), "forced_org", "shadow"),
        (Gating(forced_orgs={ACME: "enforce"}, exempt_orgs=frozenset({ACME})), "exempt_org", "off"),
        (
            Gating(exempt_orgs=frozenset({ACME}), exempt_modules=frozenset({CRM})),
            "exempt_module",
            "off",
        ),
        (Gating(exempt_modules=frozenset({CRM}), killed=True), "kill_switch", "off"),
        (Gating(killed_here=True), "kill_switch", "off"),
    ],
)
def test_the_first_rule_that_applies_decides(gating: Gating, rule: Rule, mode: str) -> None:
    """Kill switch, exempt modules, exempt orgs, forced orgs, percentage, default."""
    assert gating.ruling(ACME, CRM) == (mode, rule)


def test_an_exempt_module_leaves_the_others_gated() -> None:
    """And an exempt org the other orgs."""
    gating = Gating(exempt_modules=frozenset({CRM}), exempt_orgs=frozenset({ACME}))

    assert gating.ruling(OTHER, HR).mode == "enforce"


def test_cohorts_are_nested_and_of_their_size() -> None:
    """Case 23, for many orgs: 5 % ⊂ 25 % ⊂ 100 %, and each within half a point of its share."""
    orgs = [OrgId(f"org-{number}") for number in range(20_000)]
    cohorts = {
        share: {org for org in orgs if Gating(share=share).ruling(org, CRM).mode == "enforce"}
        for share in (0, 500, 2_500, EVERYBODY)
    }

    assert cohorts[0] < cohorts[500] < cohorts[2_500] < cohorts[EVERYBODY] == set(orgs)
    assert abs(len(cohorts[500]) / len(orgs) - 0.05) < 0.005
    assert abs(len(cohorts[2_500]) / len(orgs) - 0.25) < 0.01


def test_the_buckets_never_change() -> None:
    """They are facts by now: orgs were told that they are among the first."""
    assert [bucket(OrgId(org)) for org in ("1", "42", "acme")] == [7728, 2519, 3704]


def test_a_million_orgs_are_shared_out_evenly_and_nested_exactly() -> None:
    """At 5, 25 and 100 %: within 0.2 points of the share, and nobody who was in falls out."""
    million = 1_000_000
    places = [bucket(OrgId(str(number))) for number in range(1, million + 1)]
    sizes = Counter(places)
    gatings = {share: Gating(share=share) for share in (500, 2_500, EVERYBODY)}

    for share in gatings:
        inside = sum(size for place, size in sizes.items() if place < share)
        assert abs(inside / million - share / EVERYBODY) < 0.002
    # Who is enforced follows from the bucket alone, so one org of each speaks for all of it.
    of_bucket = {place: OrgId(str(number)) for number, place in enumerate(places, start=1)}
    assert len(of_bucket) == EVERYBODY
    for place, org in of_bucket.items():
        modes = [gating.ruling(org, CRM).mode for gating in gatings.values()]
        assert modes == ["enforce" if place < share else "off" for share in gatings]
