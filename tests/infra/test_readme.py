"""What the README promises is there, and what is there is in the README."""

import re
from pathlib import Path

import pytest

from api.app import create_app
from infra.cli import main
from infra.settings import Settings, variable_of

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("field", Settings.model_fields)
def test_every_setting_is_documented(field: str) -> None:
    """By the name it has in the environment."""
    assert f"`{variable_of(field)}`" in README


def test_every_reason_that_is_shown_is_one() -> None:
    """A line that is pasted in an emergency must not be refused for its reason."""
    reasons = re.findall(r'--reason "([^"]*)"', README)
    assert len(reasons) > 5
    assert [reason for reason in reasons if not 10 <= len(reason) <= 500] == []


def test_every_file_that_a_command_names_is_there() -> None:
    """Whoever pastes the line has it."""
    named = re.findall(r"^entitlements .*?(\S+\.(?:jsonl|csv))(?=\s|$)", README, flags=re.MULTILINE)
    given = [name for name in named if "/" in name]
    assert given
    assert [name for name in given if not (ROOT / name).is_file()] == []


@pytest.mark.parametrize("command", main.commands)
def test_every_command_is_documented(command: str) -> None:
    """In the table of commands."""
    assert f"| `{command}` |" in README


def test_every_route_is_documented() -> None:
    """By its last fixed part, in the table of routes."""
    document = create_app(lambda: pytest.fail("nothing is served")).openapi()
    parts = [part for path in document["paths"] for part in path.split("/")[-2:]]
    fixed = {part for part in parts if part and not part.startswith("{")} - {"v1", "api"}
    inside = {"activate", "deactivate", "activated", "categories", "commands", "admin"}
    assert sorted(part for part in fixed - inside if part not in README) == []
