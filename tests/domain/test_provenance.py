"""Who says so and why: a reason of 10 to 500 characters, and text that can be kept for ever."""

import pytest

from domain.actors import Actor, Provenance
from domain.commands import GrantAccess
from domain.refusals import InvalidReason, InvalidText
from tests.domain.scenario import Scenario
from tests.domain.world import CRM

someone = Actor(id="u-7", type="user")


@pytest.mark.parametrize("length", [10, 500])
def test_a_reason_has_10_to_500_characters(length: int) -> None:
    assert len(Provenance(actor=someone, reason="ü" * length).reason) == length


@pytest.mark.parametrize("length", [0, 9, 501])
def test_a_reason_of_another_length_is_refused(length: int) -> None:
    with pytest.raises(InvalidReason) as refused:
        Provenance(actor=someone, reason="x" * length)
    assert refused.value.code == "invalid_reason"
    assert refused.value.facts == {"length": length}


@pytest.mark.parametrize("blanks", [" " * 10, "\n" * 500, "\t \n" * 20, " " * 9 + "x"])
def test_white_space_is_no_reason(blanks: str) -> None:
    with pytest.raises(InvalidReason):
        Provenance(actor=someone, reason=blanks)


def test_white_space_around_a_reason_is_dropped() -> None:
    reason = "x" * 500
    assert Provenance(actor=someone, reason=f"\n  {reason}\t").reason == reason


@pytest.mark.parametrize(
    "reason",
    ["bell \x07 in a reason", "half \ud800 of a character", "\x7f" * 10, "from \x9f elsewhere"],
)
def test_what_cannot_be_kept_is_no_reason(reason: str) -> None:
    with pytest.raises(InvalidText) as refused:
        Provenance(actor=someone, reason=reason)
    assert refused.value.code == "invalid_text"


def test_a_reason_may_have_several_lines() -> None:
    reason = "Agreed:\n\t- until the audit\n\t- and no longer"
    assert Provenance(actor=someone, reason=reason).reason == reason


@pytest.mark.parametrize("ticket", ["", "  ", "x" * 121, "T\x00"])
def test_a_ticket_is_short_and_printable(ticket: str) -> None:
    with pytest.raises(InvalidText):
        Provenance(actor=someone, reason="Because it was agreed.", ticket=ticket)


@pytest.mark.parametrize(
    ("type_", "may"),
    [
        ("super_admin", True),
        ("system", True),
        ("org_admin", False),
        ("service", False),
        ("user", False),
    ],
)
def test_only_a_super_admin_or_the_system_may_override(type_: str, *, may: bool) -> None:
    assert Actor(id="u-7", type=type_).may_override is may


def test_the_whole_chain_of_causes_stands_on_every_fact(org: Scenario) -> None:
    chain = {
        "ticket": "OPS-12",
        "correlation_id": "c-1",
        "causation_id": "c-0",
        "batch_id": "b-1",
        "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    }
    on_behalf = Actor(id="u-7", type="service", on_behalf_of="u-8")
    org.when(
        GrantAccess(key=CRM),
        by=Provenance(actor=on_behalf, reason="Because it was agreed.", **chain),
    )
    (granted,) = org.outcome.facts
    assert {name: getattr(granted, name) for name in chain} == chain
    assert (granted.actor, granted.on_behalf_of) == ("u-7", "u-8")
