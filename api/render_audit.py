"""The audit log as lines: JSON for programs, CSV for spreadsheets that must not run it."""

import csv
import io
import json
from collections.abc import AsyncIterator, Sequence
from typing import Any

from api.render_history import recorded
from domain.facts import TrialExtended, TrialStarted
from domain.history import Recorded
from domain.lanes import TRIAL_SOURCE

COLUMNS = (
    "position",
    "recorded_at",
    "effective_at",
    "org_id",
    "org_version",
    "type",
    "key",
    "source",
    "actor",
    "actor_type",
    "on_behalf_of",
    "reason",
    "ticket",
    "batch_id",
    "correlation_id",
    "event_id",
    "data",
)
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


async def json_lines(pages: AsyncIterator[Sequence[Recorded]]) -> AsyncIterator[str]:
    """One JSON object a line."""
    async for page in pages:
        yield "".join(json.dumps(recorded(entry), ensure_ascii=False) + "\n" for entry in page)


async def csv_lines(pages: AsyncIterator[Sequence[Recorded]]) -> AsyncIterator[str]:
    """RFC 4180 with a header; the content of the event stands as JSON in the last column."""
    yield csv_line(COLUMNS)
    async for page in pages:
        yield "".join(csv_line([safe_cell(value) for value in _row(entry)]) for entry in page)


def _row(entry: Recorded) -> list[Any]:
    event = recorded(entry)
    data = event["data"]
    trial = TRIAL_SOURCE if isinstance(entry.fact, TrialStarted | TrialExtended) else None
    event |= {"key": data.get("key"), "source": data.get("source", trial)}
    event["data"] = json.dumps(data, ensure_ascii=False)
    return [event[column] for column in COLUMNS]


def safe_cell(value: Any) -> Any:
    """A cell that no spreadsheet takes for a formula."""
    if isinstance(value, str) and value.startswith(_FORMULA):
        return "'" + value
    return value


def csv_line(cells: Sequence[Any]) -> str:
    """One line of CSV."""
    buffer = io.StringIO()
    csv.writer(buffer).writerow(cells)
    return buffer.getvalue()
