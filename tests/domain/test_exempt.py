"""What is never gated: always enabled, accepted in every command, and changed by none."""

import pytest

from domain.catalog import Key
from domain.commands import (
    BlockAccess,
    Command,
    GrantAccess,
    RevokeAccess,
    SetStatus,
    SetSubmodule,
    StartTrial,
    UnblockAccess,
)
from domain.facts import AccessBlocked
from tests.domain.scenario import Scenario, fact
from tests.domain.world import EMAIL, SETTINGS, TEMPLATES, day, noon

later = noon + 5 * day


def test_exempt_modules_are_enabled_in_every_org(org: Scenario) -> None:
    org.then_at(noon, {"email": "enabled", "email.templates": "enabled", "settings": "enabled"})


def test_no_block_reaches_an_exempt_module(org: Scenario) -> None:
    org.given(
        fact(AccessBlocked), fact(AccessBlocked, key=EMAIL), fact(AccessBlocked, key=TEMPLATES)
    )
    org.then_at(noon, {"email": "enabled", "email.templates": "enabled", "settings": "enabled"})


@pytest.mark.parametrize("key", [EMAIL, TEMPLATES, SETTINGS])
@pytest.mark.parametrize("kind", [GrantAccess, RevokeAccess])
def test_nothing_is_granted_or_revoked(
    org: Scenario, kind: type[GrantAccess | RevokeAccess], key: Key
) -> None:
    org.when(kind(key=key)).then_nothing().then_granted_by().then_warned("it is never gated")


@pytest.mark.parametrize(
    "command",
    [
        StartTrial(key=EMAIL, until=later),
        BlockAccess(scope="module", key=SETTINGS, category="abuse"),
        BlockAccess(scope="submodule", key=TEMPLATES, category="abuse"),
        SetSubmodule(key=TEMPLATES, enabled=False),
        SetSubmodule(key=TEMPLATES, enabled=True),
    ],
)
def test_nothing_is_tried_blocked_or_switched(org: Scenario, command: Command) -> None:
    org.when(command).then_nothing().then_warned("it is never gated")


def test_nothing_is_unblocked(org: Scenario) -> None:
    org.when(UnblockAccess(scope="module", key=EMAIL, category="abuse")).then_nothing()


@pytest.mark.parametrize("key", [EMAIL, SETTINGS])
@pytest.mark.parametrize("status", ["enabled", "trial", "disabled"])
def test_the_seeds_put_is_accepted_and_changes_nothing(
    org: Scenario, key: Key, status: str
) -> None:
    """Not even the end of a trial is asked for."""
    org.when(SetStatus(key=key, status=status)).then_nothing().then_warned()  # type: ignore[arg-type]
    assert org.outcome.after == {key: "enabled"}
