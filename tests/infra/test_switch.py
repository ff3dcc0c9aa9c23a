"""This machine's own kill switch: what the environment and the file say, and what is no word."""

from pathlib import Path

import pytest

from domain.rollout import Rollout
from infra.settings import Settings
from infra.switch import Switch
from projections.rollout import Gates
from tests.domain.test_gating import ACME
from tests.domain.world import CRM


def switched(file: Path, *, enabled: bool | None = None) -> tuple[Gates, Switch]:
    """Gates under a switch that has looked once."""
    gates = Gates()
    switch = Switch(gates, enabled=enabled, file=file)
    switch.look()
    return gates, switch


def mode(gates: Gates) -> str:
    return gates.gating.ruling(ACME, CRM).mode


@pytest.mark.parametrize("said", ["off", "OFF\n", "false", "0", "no", "disabled"])
def test_a_file_that_says_off_gates_nothing(tmp_path: Path, said: str) -> None:
    file = tmp_path / "gating"
    file.write_text(said)

    gates, switch = switched(file)
    assert mode(gates) == "off"
    file.write_text("on")
    switch.look()
    assert mode(gates) == "enforce"


def test_no_file_says_nothing(tmp_path: Path) -> None:
    """Nor does one that is gone again."""
    gates, switch = switched(tmp_path / "gating")
    assert mode(gates) == "enforce"
    (tmp_path / "gating").write_text("off")
    switch.look()
    (tmp_path / "gating").unlink()
    switch.look()
    assert mode(gates) == "enforce"


def test_the_environment_says_off_whatever_the_file_says(tmp_path: Path) -> None:
    (tmp_path / "gating").write_text("on")

    assert mode(switched(tmp_path / "gating", enabled=False)[0]) == "off"
    assert mode(switched(tmp_path / "gating", enabled=True)[0]) == "enforce"


@pytest.mark.parametrize("spoiled", [b"\xff\xfe", b"perhaps"])
def test_what_cannot_be_understood_leaves_what_was_said_before(
    tmp_path: Path, spoiled: bytes
) -> None:
    """It never turns gating on, nor off; and it is told of."""
    file = tmp_path / "gating"
    file.write_text("off")
    gates, switch = switched(file)
    file.write_bytes(spoiled)
    switch.look()

    assert mode(gates) == "off"
    assert switch.problem is not None
    fresh, _ = switched(file)
    assert mode(fresh) == "enforce"


def test_a_newer_rollout_does_not_undo_the_switch(tmp_path: Path) -> None:
    """Two switches, and either is enough."""
    gates, _ = switched(tmp_path / "gating", enabled=False)
    gates.put(Rollout.blank(), instead=True)
    assert mode(gates) == "off"


def test_the_switch_keeps_the_name_it_always_had() -> None:
    """`ENABLE_ENTITLEMENTS_GATING`, without the prefix of the others."""
    environment = {"ENABLE_ENTITLEMENTS_GATING": "false"}
    assert Settings.from_environment(environment).enable_entitlements_gating is False
    assert Settings.from_environment({}).enable_entitlements_gating is None
