"""Values as callers write them in bodies and queries, where their libraries would take more."""

import re
from datetime import datetime
from typing import Annotated

from pydantic import BeforeValidator

_DATED = re.compile(r"\d{4}-")


def _dated(value: object) -> object:
    """A number could be seconds or milliseconds, and an end in 1970 or in the year 60000."""
    if isinstance(value, datetime) or (isinstance(value, str) and _DATED.match(value.strip())):
        return value
    raise ValueError("give an instant with its offset, such as 2026-01-31T12:00:00Z")


Instant = Annotated[datetime, BeforeValidator(_dated)]
