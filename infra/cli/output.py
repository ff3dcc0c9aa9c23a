"""What the command line prints: JSON or text on standard output, problems on standard error."""

import json
import sys
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

WIDE = 200  # columns where nobody looks: a pipe must not lose the end of a line

_PLACE = "infra.cli.json"  # where the wish for JSON is kept, for the problem that may follow


def _remember(context: click.Context, _: click.Parameter, value: bool) -> bool:
    context.meta[_PLACE] = value
    return value


json_option = click.option(
    "--json",
    "as_json",
    is_flag=True,
    is_eager=True,
    callback=_remember,
    help="Print one JSON document instead of text.",
)


def wants_json(context: click.Context) -> bool:
    """Whether the command was asked for JSON."""
    return bool(context.meta.get(_PLACE))


def print_json(body: Any, *, err: bool = False) -> None:
    """Print one JSON document, escaped where the terminal could not show it otherwise."""
    stream = sys.stderr if err else sys.stdout
    utf8 = (stream.encoding or "").lower().replace("-", "") == "utf8"
    click.echo(json.dumps(body, indent=2, ensure_ascii=not utf8), err=err)


def console(*, err: bool = False) -> "Console":
    """A console that takes text as it is: names from outside are no markup."""
    from rich.console import Console

    stream = sys.stderr if err else sys.stdout
    return Console(
        file=stream,
        markup=False,
        emoji=False,
        highlight=False,
        width=None if stream.isatty() else WIDE,
    )


def show(*things: "RenderableType", err: bool = False) -> None:
    """Print text or tables."""
    where = console(err=err)
    for thing in things:
        where.print(thing, soft_wrap=isinstance(thing, str))


def plain(text: str) -> str:
    """`text` with everything escaped that could move a terminal's cursor or change its colours."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def forgive_terminal() -> None:
    """Print a substitute for what the terminal's encoding lacks, rather than fail."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="replace")
