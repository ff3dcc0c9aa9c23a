"""What a batch touched of one org: each grant and block before its facts, and after them."""

from collections.abc import Iterable
from dataclasses import dataclass

from domain.facts import BoundaryCrossed, LedgerEvent
from domain.history import Unforgetting
from domain.ids import Stream
from domain.lanes import Block, Grant

_SUBJECTS = ("grant_id", "trial_id", "block_id")


@dataclass(frozen=True, slots=True, kw_only=True)
class Touched:
    """One grant or block; `before` is None where the batch opened it."""

    before: Grant | Block | None
    after: Grant | Block


@dataclass(frozen=True, slots=True, kw_only=True)
class Traces:
    """All that a batch left on one org.

    `standing` are the grants and blocks there were before it, `others` the types of its facts that
    are about neither, `event_ids` all of its facts.
    """

    touched: tuple[Touched, ...]
    standing: frozenset[str]
    others: tuple[str, ...]
    event_ids: tuple[str, ...]


def traces(stream: Stream, facts: Iterable[LedgerEvent], *, batch_id: str) -> Traces:
    """What `batch_id` left, from all facts of an org in order."""
    past = Unforgetting.blank(stream)
    before: dict[str, Grant | Block | None] = {}
    after: dict[str, Grant | Block] = {}
    standing: frozenset[str] | None = None
    others: list[str] = []
    event_ids: list[str] = []
    for fact in facts:
        of_batch = fact.batch_id == batch_id
        subjects = _subjects(fact) if of_batch else []
        if of_batch:
            event_ids.append(str(fact.event_id))
            standing = standing if standing is not None else frozenset(_all(past))
            # What time did by itself is nothing that a batch gave or took.
            told = subjects or isinstance(fact, BoundaryCrossed)
            others += [] if told else [fact.TOPIC]
        before |= {
            subject: _all(past).get(subject) for subject in subjects if subject not in before
        }
        fact.mutate(past)
        after |= {subject: _all(past)[subject] for subject in subjects}
    return Traces(
        touched=tuple(Touched(before=before[subject], after=after[subject]) for subject in after),
        standing=standing or frozenset(),
        others=tuple(others),
        event_ids=tuple(event_ids),
    )


def _subjects(fact: LedgerEvent) -> list[str]:
    named = (getattr(fact, field, None) for field in _SUBJECTS)
    return [subject for subject in named if subject is not None]


def _all(past: Unforgetting) -> dict[str, Grant | Block]:
    return {**past.grants, **past.blocks}
