"""Options that many commands share, and the types their values have."""

import functools
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import click

_VERSION = re.compile(r'(?:W/)?"?v?(\d{1,18})"?')
_VISIBLE = re.compile(r"[\x21-\x7e]{1,255}")

Function = Callable[..., Any]


class Instant(click.ParamType[datetime]):
    """An instant such as `2026-01-31T12:00:00Z`; whether it has an offset is judged later."""

    name = "instant"

    def convert(
        self, value: Any, param: click.Parameter | None, context: click.Context | None
    ) -> datetime:
        """The instant that was typed."""
        try:
            return datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is no instant such as 2026-01-31T12:00:00Z.", param, context)


class Version(click.ParamType[int]):
    """An org version as it is shown: `7`, `v7` or an ETag."""

    name = "version"

    def convert(
        self, value: Any, param: click.Parameter | None, context: click.Context | None
    ) -> int:
        """The number in it."""
        found = _VERSION.fullmatch(value.strip())
        if found is None:
            self.fail(f"{value!r} is no version such as 7 or v7.", param, context)
        return int(found[1])


class Visible(click.ParamType[str]):
    """One to 255 visible characters."""

    name = "text"

    def convert(
        self, value: Any, param: click.Parameter | None, context: click.Context | None
    ) -> str:
        """The text itself."""
        if not _VISIBLE.fullmatch(value):
            self.fail("it must have 1 to 255 visible ASCII characters.", param, context)
        return str(value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """How a command is to be carried out, and why."""

    reason: str
    ticket: str | None
    dry_run: bool
    plan_token: str | None
    if_match: int | None
    idempotency_key: str | None


reason_option = click.option("--reason", required=True, help="Why, in 10 to 500 characters.")
dry_run_option = click.option(
    "--dry-run", is_flag=True, help="Say what would happen and change nothing."
)
_TERMS = (
    reason_option,
    click.option("--ticket", help="Where it was agreed."),
    dry_run_option,
    click.option("--plan-token", help="From a dry run: apply only if nothing it read has moved."),
    click.option(
        "--if-match", type=Version(), help="Refuse unless the organisation is at this version."
    ),
    click.option(
        "--idempotency-key", type=Visible(), help="The same key and command acts only once."
    ),
)


def terms_options(command: Function) -> Function:
    """Add the options of every command; the function gets them as one `terms`."""

    @functools.wraps(command)
    def with_terms(**values: Any) -> Any:
        terms = Terms(**{name: values.pop(name) for name in Terms.__dataclass_fields__})
        return command(terms=terms, **values)

    for option in reversed(_TERMS):
        with_terms = option(with_terms)
    return with_terms


def key_option(command: Function) -> Function:
    """Add `--key`."""
    return click.option("--key", required=True, help="A module, or a module.submodule.")(command)


def from_option(command: Function) -> Function:
    """Add `--from`; its value is named as in HTTP."""
    return click.option("--from", "from", type=Instant(), help="When it begins; now if left out.")(
        command
    )


def until_option(*, required: bool = False) -> Callable[[Function], Function]:
    """Add `--until`."""
    return click.option(
        "--until", type=Instant(), required=required, help="When it ends; that instant excluded."
    )
