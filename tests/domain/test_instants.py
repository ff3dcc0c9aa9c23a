"""Instants: aware, in UTC, written in one way, and intervals that have no end in them."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from domain.instants import aware, covers, from_iso, iso, iso_once
from domain.refusals import InstantOutOfRange, NaiveTimestamp
from tests.domain.world import day, noon, us

LAST = datetime.max.replace(tzinfo=UTC)


def test_an_instant_is_taken_in_utc() -> None:
    abroad = noon.astimezone(timezone(timedelta(hours=-8)))
    assert aware(abroad, field="from") == noon
    assert aware(abroad, field="from").utcoffset() == timedelta(0)


def test_an_instant_without_a_time_zone_is_refused_by_its_field() -> None:
    with pytest.raises(NaiveTimestamp) as refused:
        aware(noon.replace(tzinfo=None), field="until")
    assert refused.value.facts == {"field": "until", "value": "2026-03-02T12:00:00"}


def test_every_instant_is_written_alike() -> None:
    assert iso(noon) == "2026-03-02T12:00:00.000000Z"
    assert iso(noon + us) == "2026-03-02T12:00:00.000001Z"
    assert iso(noon.astimezone(timezone(timedelta(hours=2)))) == iso(noon)
    assert iso_once(noon.astimezone(timezone(timedelta(hours=2)))) == iso(noon)


@pytest.mark.parametrize("instant", [noon, noon + us, datetime(1, 1, 1, tzinfo=UTC), LAST])
def test_what_was_written_is_read_back(instant: datetime) -> None:
    assert from_iso(iso(instant)) == instant


def test_text_sorts_as_time_does() -> None:
    instants = [
        datetime(1, 1, 1, tzinfo=UTC),
        datetime(999, 1, 1, tzinfo=UTC),
        noon,
        noon + us,
        LAST,
    ]
    assert sorted(map(iso, instants)) == [iso(instant) for instant in instants]


@pytest.mark.parametrize(
    ("at", "within"),
    [(noon - us, False), (noon, True), (noon + day - us, True), (noon + day, False)],
)
def test_an_interval_has_its_start_and_not_its_end(at: datetime, *, within: bool) -> None:
    assert covers(noon, noon + day, at) is within


def test_an_interval_without_an_end_never_ends() -> None:
    assert covers(noon, None, LAST)
    assert not covers(noon, None, noon - us)


def test_an_interval_that_ends_before_it_starts_covers_nothing() -> None:
    assert not any(covers(noon, noon - us, at) for at in (noon - us, noon, noon + us))


@pytest.mark.parametrize(
    "beyond",
    [
        datetime.max.replace(tzinfo=timezone(timedelta(hours=-1))),
        datetime.min.replace(tzinfo=timezone(timedelta(hours=1))),
    ],
    ids=["after 9999", "before 1"],
)
def test_an_instant_that_utc_cannot_hold_is_refused(beyond: datetime) -> None:
    with pytest.raises(InstantOutOfRange) as refused:
        aware(beyond, field="until")
    assert refused.value.code == "instant_out_of_range"
    assert refused.value.facts["field"] == "until"
