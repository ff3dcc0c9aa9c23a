"""Text that comes from outside and is kept for ever must be printable anywhere."""

from domain.refusals import InvalidText

LONGEST_NAME = 200  # characters
LONGEST_TICKET = 120
LONGEST_REFERENCE = 200
_LAYOUT = frozenset("\n\t")


def printable(text: str) -> bool:
    """Whether every character is one that JSON, PostgreSQL and a terminal can carry."""
    return not any(
        (ord(c) < 0x20 and c not in _LAYOUT) or c == "\x7f" or 0xD800 <= ord(c) <= 0xDFFF
        for c in text
    )


def text(value: str, *, field: str, longest: int) -> str:
    """`value` without white space at its ends.

    Raises:
        InvalidText: it is empty, too long, or has characters that cannot be kept.
    """
    value = value.strip()
    if not 1 <= len(value) <= longest or not printable(value):
        raise InvalidText(field=field, longest=longest)
    return value
