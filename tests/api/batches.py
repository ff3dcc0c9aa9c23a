"""Batches as tests send them."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import httpx

from tests.api.calls import REASON

Rows = Sequence[dict[str, Any]]
_BATCHES = count(1)


def bulk(client: httpx.Client, rows: Rows | bytes, **params: Any) -> httpx.Response:
    """Rows as JSON Lines, or bytes as they are."""
    content = rows if isinstance(rows, bytes) else b"".join(map(line, rows))
    return _send(client, content, "application/x-ndjson", params)


def bulk_csv(client: httpx.Client, content: str | bytes, **params: Any) -> httpx.Response:
    """CSV."""
    encoded = content.encode() if isinstance(content, str) else content
    return _send(client, encoded, "text/csv; charset=utf-8", params)


def _send(
    client: httpx.Client, content: bytes, form: str, params: dict[str, Any]
) -> httpx.Response:
    given = {"reason": REASON} | params
    return client.post(
        "/api/v1/commands/bulk",
        params={name: value for name, value in given.items() if value is not None},
        content=content,
        headers={"Content-Type": form},
    )


def line(row: dict[str, Any]) -> bytes:
    """A row as a line of JSON."""
    return json.dumps(row).encode() + b"\n"


def soon() -> str:
    """Two weeks from now."""
    return (datetime.now(UTC) + timedelta(days=14)).isoformat()


def new_batch() -> str:
    """An id that no other test uses."""
    return f"batch-of-test-{next(_BATCHES)}"


def outcomes(answer: httpx.Response) -> list[str]:
    """The outcome of each row."""
    assert answer.status_code == 200, answer.text
    return [result["outcome"] for result in answer.json()["results"]]
