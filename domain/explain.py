"""Why a key is what it is: the steps of the judgement in order, and what would change it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from domain.catalog import Catalog, Key, is_submodule, module_of
from domain.effective import Effective, denied_by, effective
from domain.history import History, Recorded
from domain.instants import iso
from domain.lanes import Block, Grant


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One question of the judgement, its answer, and the facts that gave it."""

    question: str
    answer: str
    decides: bool = False
    facts: tuple[Recorded, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """A key at an instant: its state, how it came about, what would grant it, what comes next."""

    key: Key
    at: datetime
    state: Effective
    denied_by: str | None
    steps: tuple[Step, ...]
    would_grant: tuple[str, ...]
    next_change: tuple[datetime, Effective] | None


def explain(history: History, catalog: Catalog, key: Key, *, at: datetime) -> Explanation:
    """Explain one catalog key of one org at one instant."""
    return Explanation(
        key=key,
        at=at,
        state=effective(history.lanes, catalog, key, at),
        denied_by=denied_by(history.lanes, catalog, key, at),
        steps=tuple(_until_decided(_steps(history, catalog, key, at))),
        would_grant=tuple(_remedies(history, catalog, key, at)),
        next_change=_next_change(history, catalog, key, at),
    )


def _until_decided(steps: Iterator[Step]) -> Iterator[Step]:
    for step in steps:
        yield step
        if step.decides:
            return


def _steps(history: History, catalog: Catalog, key: Key, at: datetime) -> Iterator[Step]:
    module = catalog.module(key)
    what = "a submodule" if is_submodule(key) else f"a {module.kind} module"
    yield Step(
        question="Is the key in the catalog?", answer=f"Yes, {what} (version {catalog.version})."
    )
    retired = not catalog.in_use(key)
    yield Step(
        question="Is it in use?",
        answer="No: the catalog has retired it." if retired else "Yes.",
        decides=retired,
    )
    yield Step(
        question="Is its module exempt?",
        answer=f"Yes: '{module.key}' is {module.kind}, never gated." if module.exempt else "No.",
        decides=module.exempt,
    )
    yield _block_step(history, key, at)
    own = _grant_step(history, module.key, at)
    yield own
    submodule = catalog.submodule(key)
    if submodule is not None and not submodule.on_by_default:
        yield _grant_step(history, key, at)


def _block_step(history: History, key: Key, at: datetime) -> Step:
    question = f"Does a block cover '{key}'?"
    block = history.lanes.block_on(key, at)
    if block is None:
        lifted = [b for b in history.org.blocks.values() if b.concerns(key) and not b.active(at)]
        facts = tuple(fact for b in lifted for fact in history.behind(b))
        return Step(question=question, answer="No.", facts=facts)
    scope = "the whole organisation" if block.scope == "org" else f"'{block.key}'"
    return Step(
        question=question,
        answer=f"Yes: {block.category} on {scope} {_interval(block)}.",
        decides=True,
        facts=history.behind(block),
    )


def _grant_step(history: History, key: Key, at: datetime) -> Step:
    question = f"Does a source grant '{key}'?"
    grants = sorted(history.lanes.grants.get(key, ()), key=lambda grant: grant.starts)
    active = [grant for grant in grants if grant.active(at)]
    shown = active or grants
    facts = {fact.position: fact for grant in shown for fact in history.behind(grant)}
    if active:
        sources = "; ".join(f"{_kind(g)} from {g.source} {_interval(g)}" for g in active)
        answer = f"Yes: {sources}."
    elif grants:
        past = "; ".join(f"{_kind(g)} from {g.source} {_interval(g)}{_ended(g)}" for g in grants)
        answer = f"Not at this instant: {past}."
    else:
        answer = "No source ever granted it."
    return Step(
        question=question,
        answer=answer,
        decides=not active,
        facts=tuple(facts[position] for position in sorted(facts)),
    )


def _remedies(history: History, catalog: Catalog, key: Key, at: datetime) -> Iterator[str]:
    if effective(history.lanes, catalog, key, at) is Effective.ENABLED:
        return
    if not catalog.in_use(key):
        yield f"publish a catalog in which '{key}' is active"
        return
    for block in history.org.blocks.values():
        if block.active(at) and block.concerns(key):
            where = "" if block.key is None else f" on '{block.key}'"
            yield f"unblock {block.scope} {block.category}{where}"
    submodule = catalog.submodule(key)
    needed = [module_of(key)]
    if submodule is not None and not submodule.on_by_default:
        needed.append(key)
    for wanted in needed:
        state = history.lanes.own(wanted, at)
        if state is Effective.TRIAL:
            yield f"convert-trial '{wanted}'"
        elif state is Effective.DISABLED:
            yield f"grant '{wanted}'"


def _next_change(
    history: History, catalog: Catalog, key: Key, at: datetime
) -> tuple[datetime, Effective] | None:
    state = effective(history.lanes, catalog, key, at)
    for boundary in history.lanes.boundaries(after=at):
        then = effective(history.lanes, catalog, key, boundary)
        if then is not state:
            return boundary, then
    return None


def _kind(grant: Grant) -> str:
    return "a trial" if grant.kind == "trial" else "a full grant"


def _ended(grant: Grant) -> str:
    return f", {grant.ended_by}" if grant.ended_by else ""


def _interval(entry: Grant | Block) -> str:
    until = "further notice" if entry.ends is None else iso(entry.ends)
    return f"from {iso(entry.starts)} until {until}"
