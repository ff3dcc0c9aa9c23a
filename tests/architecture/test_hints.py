"""A refusal says how to go on: in a hint of its own, or in its very sentence."""

import pkgutil
from collections.abc import Iterator
from importlib import import_module

import pytest

from domain.refusals import Refusal

ROOMS = ("domain", "projections", "consumers", "api", "infra.store", "infra.batches")
BRANCHES = {"unacceptable", "absent", "contradicted", "not_permitted", "row_refused"}
SAID_IN_THE_SENTENCE = {
    "cohort_unnamed",
    "entitlement_unavailable",  # each has its own; to be asked again is in its Retry-After
    "incomplete_evaluation",
    "invalid_context",
    "invalid_header",
    "invalid_minutes",
    "invalid_page",
    "invalid_percentage",
    "invalid_request",
    "invalid_step",
    "invalid_text",
    "not_cancellable",  # given with each
    "orgs_out_of_range",
    "plan_finished",
    "targeting_key_missing",
    "trial_too_long",
    "unknown_bundle",
    "unknown_category",
    "unknown_command",
    "unknown_event_type",
    "unknown_fact",
    "unknown_flag",
    "unknown_key",  # with the nearest there is, or a hint
    "unknown_message",
}


def refusals() -> Iterator[type[Refusal]]:
    """Every refusal that the rooms define."""
    for room in ROOMS:
        found = pkgutil.walk_packages(import_module(room).__path__, f"{room}.")
        for module in [import_module(name.name) for name in found]:
            yield from (
                value
                for value in vars(module).values()
                if isinstance(value, type)
                and issubclass(value, Refusal)
                and value.__module__ == module.__name__
            )


@pytest.mark.parametrize("refusal", sorted(refusals(), key=str), ids=lambda r: r.__name__)
def test_a_refusal_says_how_to_go_on(refusal: type[Refusal]) -> None:
    if refusal is Refusal or refusal.code in BRANCHES:
        return
    assert (refusal.hint is None) == (refusal.code in SAID_IN_THE_SENTENCE), refusal.code
