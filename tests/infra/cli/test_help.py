"""Help: everywhere, with an example, and at once."""

import subprocess
import sys
from collections.abc import Iterator

import click
import pytest

from api.tokens import ROLES
from infra.cli import main, token
from tests.infra.cli.shell import Shell


def commands(group: click.Command, *path: str) -> Iterator[tuple[str, ...]]:
    """The path of every group and command."""
    yield path
    if isinstance(group, click.Group):
        for name, command in group.commands.items():
            yield from commands(command, *path, name)


EVERY = list(commands(main))


@pytest.mark.parametrize("path", EVERY, ids=" ".join)
def test_every_command_has_help_with_an_example(path: tuple[str, ...]) -> None:
    help_text = Shell()(*path, "--help").stdout
    assert "Example:\n    entitlements " in help_text


@pytest.mark.parametrize("path", EVERY, ids=" ".join)
def test_the_list_of_commands_tells_each_in_full(path: tuple[str, ...]) -> None:
    """Click cuts long sentences off."""
    listed = Shell()(*path[:-1], "--help").stdout
    assert "..." not in listed.partition("Commands:")[2].partition("Example:")[0]


def test_every_option_says_what_it_is_for() -> None:
    found: list[str] = []
    for path in EVERY:
        command: click.Command = main
        for name in path:
            assert isinstance(command, click.Group)
            command = command.commands[name]
        options = [p for p in command.params if isinstance(p, click.Option)]
        found += [f"{path} {option.name}" for option in options if not option.help]
    assert found == []


def test_help_loads_neither_driver_nor_web_framework() -> None:
    """It answers at once because a command imports what it needs when it runs."""
    code = (
        "import sys; from infra.cli import main; main(['org', '--help'], standalone_mode=False);"
        "heavy = {'psycopg', 'pydantic', 'fastapi', 'rich.table', 'eventsourcing'};"
        "sys.exit(sorted(heavy & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_roles_of_tokens_are_those_of_the_api() -> None:
    assert token.ROLES == ROLES


def test_wrong_usage_exits_with_2() -> None:
    shell = Shell()
    shell("org", "fly", code=2)
    shell("org", "grant", "42", "--key", "crm", code=2)
    shell("org", "grant", "42", "--key", "crm", "--until", "soon", "--reason", "x" * 10, code=2)
    shell("org", "show", "\udcff", code=2)
    shell("legacy", "import", "no-such-file.jsonl", code=2)
    shell("serve", "--workers", "0", code=2)
