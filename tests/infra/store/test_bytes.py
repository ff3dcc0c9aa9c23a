"""Facts are written from templates for speed; the bytes are those that `json.dumps` gives."""

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, Literal, get_args, get_origin, get_type_hints
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.facts import LedgerEvent, field_names, happened
from infra.store.mapper import fact_body, read_fact

PLACE = {"originator_id": "org-7", "originator_version": 3}
FACTS = sorted(LedgerEvent.BY_TOPIC.values(), key=lambda cls: cls.TOPIC)

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
zones = st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=30)), timezone.min])
latest = datetime(9000, 1, 1)  # noqa: DTZ001 - hypothesis takes its bounds without a zone
instants = st.datetimes(min_value=datetime(2, 1, 1), max_value=latest, timezones=zones)  # noqa: DTZ001
documents = st.recursive(
    st.none() | st.booleans() | st.integers() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)


def values_of(hint: Any) -> st.SearchStrategy[Any]:
    """Values that a field of this type may hold."""
    if get_origin(hint) is Literal:
        return st.sampled_from(get_args(hint))
    if get_origin(hint) is dict:
        return st.dictionaries(texts, documents, max_size=3)
    if get_origin(hint) is list:
        return st.lists(texts, max_size=3)
    if options := get_args(hint):
        return st.one_of(*(values_of(option) for option in options))
    kinds = {datetime: instants, UUID: st.uuids(), bool: st.booleans(), type(None): st.none()}
    return kinds.get(hint, texts)


def facts_of(cls: type[LedgerEvent]) -> st.SearchStrategy[LedgerEvent]:
    hints = get_type_hints(cls)
    names = [name for name in field_names(cls) if name not in PLACE]
    content = st.fixed_dictionaries({name: values_of(hints[name]) for name in names})
    return content.map(lambda content: cls(**PLACE, **content))


def plain(value: Any) -> str:
    if isinstance(value, datetime):
        text = value.astimezone(UTC).isoformat(timespec="microseconds")
        return text.removesuffix("+00:00") + "Z"
    assert isinstance(value, UUID)
    return str(value)


@pytest.mark.parametrize("cls", FACTS, ids=lambda cls: cls.__name__)
def test_a_fact_has_the_bytes_of_the_plain_way(cls: type[LedgerEvent]) -> None:
    @settings(max_examples=60, deadline=None, database=None)
    @given(fact=facts_of(cls))
    def holds(fact: LedgerEvent) -> None:
        body = {name: getattr(fact, name) for name in field_names(cls) if name not in PLACE}
        written = json.dumps(body, separators=(",", ":"), ensure_ascii=False, default=plain)
        assert fact_body(fact) == written.encode()
        assert read_fact("org-7", 3, cls.TOPIC, fact_body(fact)) == fact

    holds()


@pytest.mark.parametrize("cls", FACTS, ids=lambda cls: cls.__name__)
def test_a_fact_that_happened_is_the_one_its_class_makes(cls: type[LedgerEvent]) -> None:
    @settings(max_examples=20, deadline=None, database=None)
    @given(fact=facts_of(cls))
    def holds(fact: LedgerEvent) -> None:
        backwards = dict(reversed(vars(fact).items()))
        made = happened(cls, backwards)
        assert type(made) is cls
        assert made == fact
        assert fact_body(made) == fact_body(fact)

    holds()


@pytest.mark.parametrize("cls", FACTS, ids=lambda cls: cls.__name__)
def test_a_fact_without_all_of_its_fields_does_not_happen(cls: type[LedgerEvent]) -> None:
    whole = dict.fromkeys(field_names(cls), "said")
    for name in whole:
        with pytest.raises(TypeError, match=name):
            happened(cls, {n: v for n, v in whole.items() if n != name})
    with pytest.raises(TypeError, match="unheard_of"):
        happened(cls, whole | {"unheard_of": "said"})
