"""Files that a command is given: read whole, or refused with the place that is wrong."""

import json
from pathlib import Path
from typing import Any

import click

EXISTING = click.Path(exists=True, dir_okay=False, readable=True, path_type=Path)


class UnreadableFile(Exception):
    """A file does not hold what it should; says where."""


def read_json(path: Path) -> Any:
    """The JSON document in a file.

    Raises:
        UnreadableFile: it holds something else.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except UnicodeDecodeError as error:
        raise UnreadableFile(f"{path} is not UTF-8 (byte {error.start + 1}).") from error
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise UnreadableFile(f"{path} is not JSON: {error.msg} ({place}).") from error
    except (ValueError, RecursionError) as error:
        raise UnreadableFile(f"{path} is not JSON that can be read: {error}.") from error
