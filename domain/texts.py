"""Text that comes from outside and is kept for ever must be printable anywhere."""

import re

from domain.refusals import InvalidText

LONGEST_NAME = 200  # characters
LONGEST_TICKET = 120
LONGEST_REFERENCE = 200
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")  # all but tab and new line


def printable(text: str) -> bool:
    """Whether every character is one that JSON, PostgreSQL and a terminal can carry."""
    return _UNPRINTABLE.search(text) is None


def text(value: str, *, field: str, longest: int) -> str:
    """`value` without white space at its ends.

    Raises:
        InvalidText: it is empty, too long, or has characters that cannot be kept.
    """
    value = value.strip()
    if not 1 <= len(value) <= longest or not printable(value):
        raise InvalidText(field=field, longest=longest)
    return value
