"""The checker of histories finds each kind of breach: the tests of kills rest on it."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import pytest

from domain.ids import OrgId
from domain.instants import BEGINNING
from domain.orders import Answer
from tests.faults.history import breaches
from tests.infra.store.world import Row


def row(position: int, stream: str, version: int, *, ref: str | None = None) -> Row:
    body = b"{}" if ref is None else b'{"source_ref":"%s"}' % ref.encode()
    return Row(position, stream, version, UUID(int=position), "t", body, BEGINNING, b"")


def answer(org: str, version: int, *positions: int) -> Answer:
    """What a client was told of events at these positions."""
    told: dict[str, Any] = dict.fromkeys(("topics", "remaining_sources", "warnings"), ())
    return Answer(
        org=OrgId(org),
        org_version=version,
        first_position=positions[0],
        event_ids=tuple(str(UUID(int=position)) for position in positions),
        changed=True,
        before={},
        after={},
        **told,
    )


LOG = [
    row(1, "org-1", 1),
    row(2, "org-1", 2, ref="a"),
    row(3, "org-2", 1),
    row(4, "org-1", 3, ref="b"),
]
TOLD = [answer("1", 2, 1, 2), answer("2", 1, 3), answer("1", 3, 4)]


def test_a_whole_history_has_no_breach() -> None:
    """Nor has one of which clients were told only a part."""
    assert breaches(TOLD, LOG) == []
    assert breaches(TOLD[:1], LOG) == []


@pytest.mark.parametrize(
    ("rows", "finds"),
    [
        (LOG[:3], "1 lost an event of version 3"),
        ([*LOG[:2], *LOG[3:]], "position 4 stands at 3"),
        ([*LOG[:3], row(4, "org-1", 4, ref="b")], "org-1 has version 4 at 3"),
        ([*LOG[:3], row(4, "org-1", 3, ref="a")], "a acted 2 times"),
        ([*LOG[:3], row(4, "org-2", 2, ref="b")], "1 lost an event of version 3"),
    ],
    ids=["lost", "gap in positions", "gap in versions", "acted twice", "in another stream"],
)
def test_each_kind_of_breach_is_found(rows: Sequence[Row], finds: str) -> None:
    """By its name."""
    assert finds in breaches(TOLD, rows)


def test_a_version_that_was_told_wrongly_is_found() -> None:
    """The events are there, and the client goes by another version."""
    assert breaches([answer("1", 5, 4)], LOG) == ["1 was told 5 and is at 3"]
