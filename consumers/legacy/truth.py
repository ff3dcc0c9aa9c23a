"""What the legacy application takes for true, for false and for never set."""

from enum import Enum
from typing import Any


class Truth(Enum):
    """How a legacy flag reads; `UNSET` is as if the flag were not there at all."""

    TRUE = True
    FALSE = False
    UNSET = None


_WORDS = dict.fromkeys(("true", "1", "yes", "on", "enabled"), Truth.TRUE)
_WORDS |= dict.fromkeys(("false", "0", "no", "off", "disabled"), Truth.FALSE)
_WORDS[""] = Truth.UNSET


def truth(value: Any) -> Truth | None:
    """How a JSON value reads, None when it is no truth value; words in any case, blanks count."""
    if isinstance(value, str):
        return _WORDS.get(value.lower())
    if value is None:
        return Truth.UNSET
    if isinstance(value, int) and value in (0, 1):  # true and false are ints, too
        return Truth.TRUE if value else Truth.FALSE
    return None
