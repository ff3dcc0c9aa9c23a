"""A decision id holds what a decision was made from, and notices damage."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.decision import CELLS
from domain.decision_ids import (
    LONGEST,
    Decided,
    InvalidDecisionId,
    compact,
    decision_id,
    letters,
    read_decision_id,
    unknown,
)
from domain.ids import OrgId
from domain.instants import iso
from tests.domain.world import noon, us

WHOLE = decision_id("1042", 7, 3, f"2~1~{compact(iso(noon + us))}", letters(mode="shadow", cell=4))


def test_what_goes_in_comes_out() -> None:
    assert read_decision_id(WHOLE) == Decided(
        org=OrgId("1042"),
        key="7",
        org_version=3,
        catalog_version=2,
        rollout_version=1,
        evaluated_at=noon + us,
        from_history=False,
        mode="shadow",
        super_admin=False,
        permitted=None,
        own=True,
        cell=4,
    )


@given(
    st.sampled_from(["off", "shadow", "enforce"]),
    st.booleans(),
    st.sampled_from([None, True, False]),
    st.booleans(),
    st.booleans(),
    st.sampled_from(CELLS),
)
def test_every_way_to_judge_comes_out(
    mode: str, super_admin: bool, permitted: bool | None, own: bool, history: bool, cell: int
) -> None:
    how = letters(
        mode=mode,  # type: ignore[arg-type]  # a sampled literal
        super_admin=super_admin,
        permitted=permitted,
        own=own,
        from_history=history,
        cell=cell,
    )
    read = read_decision_id(decision_id("a", 0, 1, f"1~0~{compact(iso(noon))}", how))
    assert (read.mode, read.super_admin, read.permitted) == (mode, super_admin, permitted)
    assert (read.own, read.from_history, read.cell) == (own, history, cell)


def test_the_longest_org_makes_an_id_that_fits() -> None:
    """Whatever the key: only its place is in it."""
    how = letters(mode="enforce", cell=3)
    when = f"{10**9}~{10**9}~{compact(iso(noon))}"
    for place in (10**6, unknown("k" * 129)):
        found = decision_id("o" * 64, place, 10**12, when, how)
        assert len(found) <= LONGEST
        assert read_decision_id(found).org == "o" * 64


def test_any_spelling_of_an_unknown_key_is_the_same() -> None:
    assert unknown("CRN") == unknown("crn") != unknown("cm")


@pytest.mark.parametrize("place", range(len(WHOLE)))
def test_damage_is_noticed(place: int) -> None:
    other = "0" if WHOLE[place] != "0" else "1"
    for damaged in (WHOLE[:place] + other + WHOLE[place + 1 :], WHOLE[:place]):
        with pytest.raises(InvalidDecisionId):
            read_decision_id(damaged)


def signed(body: str) -> str:
    """A body with a checksum that is right."""
    from binascii import crc32

    return f"{body}~{crc32(body.encode()):08x}"


@pytest.mark.parametrize(
    "body",
    [
        "d2~1~0~1~1~0~20260302T120000000000Z~ne--yb",
        "d1~0~0~1~1~0~20260302T120000000000Z~ne--yb",
        "d1~1~crm~1~1~0~20260302T120000000000Z~ne--yb",
        "d1~1~0~one~1~0~20260302T120000000000Z~ne--yb",
        "d1~1~0~1~1~0~20261302T120000000000Z~ne--yb",
        "d1~1~0~1~1~0~20260302T120000000000Z~ne--y",
        "d1~1~0~1~1~0~20260302T120000000000Z~xe--yb",
        "d1~1~0~1~1~0~20260302T120000000000Z~ne--yz",
        "d1~1~0~1~1~0~20260302T120000000000Z~nz--yb",
    ],
)
def test_what_means_nothing_is_refused_whatever_its_checksum(body: str) -> None:
    with pytest.raises(InvalidDecisionId):
        read_decision_id(signed(body))
