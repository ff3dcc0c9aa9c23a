"""`entitlements-sdk`: what a service's routes are guarded by, for people and for CI."""

import argparse
import importlib
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from entitlements_sdk.fastapi.coverage import Coverage

_EXAMPLE = """example:
  entitlements-sdk coverage myservice.main:app

exit codes: 0 every route is guarded or exempt, 1 some are neither, 2 wrong usage
"""


class _Usage(Exception):
    """What was named cannot be looked at."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line, and exit."""
    sys.exit(run(arguments, out=sys.stdout))


def run(arguments: Sequence[str] | None, *, out: TextIO) -> int:
    """Run a command; its exit code."""
    parser = argparse.ArgumentParser(
        prog="entitlements-sdk",
        description="Shows what a service's routes are guarded by.",
        epilog=_EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(required=True, metavar="command")
    shown = commands.add_parser(
        "coverage",
        help="list routes: guarded, exempt with a reason, or neither",
        description="List an app's routes: guarded, exempt with a reason, or neither.",
        epilog=_EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    shown.add_argument("app", metavar="module:app", help="a FastAPI app, or what makes one")
    shown.add_argument("--json", action="store_true", help="JSON instead of a table")
    asked = parser.parse_args(arguments)
    try:
        app = _app(asked.app)
    except _Usage as error:
        sys.stderr.write(f"{parser.prog}: {error}\n")
        return 2
    from entitlements_sdk.fastapi.coverage import coverage

    rows = coverage(app)
    out.write(_as_json(rows) if asked.json else _as_text(rows))
    return 1 if any(row.standing == "neither" for row in rows) else 0


def _app(name: str) -> Any:
    try:
        from fastapi import FastAPI
    except ImportError as error:
        raise _Usage("FastAPI is not installed: pip install 'entitlements-sdk[fastapi]'") from error
    module, _, attribute = name.partition(":")
    if not module or not attribute:
        raise _Usage(f"'{name}' is not of the form module:app")
    sys.path.insert(0, str(Path.cwd()))
    try:
        found: Any = importlib.import_module(module)
        for part in attribute.split("."):
            found = getattr(found, part)
        if not isinstance(found, FastAPI) and callable(found):
            found = found()
    except Exception as error:  # whatever the service's own code raises
        raise _Usage(f"'{name}' cannot be had: {error!r}") from error
    if not isinstance(found, FastAPI):
        raise _Usage(f"'{name}' is no FastAPI app")
    return found


def _as_json(rows: "Sequence[Coverage]") -> str:
    shown = [{**asdict(row), "standing": row.standing} for row in rows]
    return json.dumps({"routes": shown, "totals": _totals(rows)}, indent=2) + "\n"


def _as_text(rows: "Sequence[Coverage]") -> str:
    lines = [
        (row.standing, row.method, row.path, ", ".join(row.guards) or row.reason or "")
        for row in sorted(rows, key=lambda row: row.standing, reverse=True)
    ]
    widths = [max((len(line[column]) for line in lines), default=0) for column in range(3)]
    text = "".join(
        "  ".join([*(line[column].ljust(widths[column]) for column in range(3)), line[3]]).rstrip()
        + "\n"
        for line in lines
    )
    totals = _totals(rows)
    return text + ", ".join(f"{totals[name]} {name}" for name in totals) + "\n"


def _totals(rows: "Sequence[Coverage]") -> dict[str, int]:
    standings = [row.standing for row in rows]
    return {name: standings.count(name) for name in ("guarded", "exempt", "neither")}
