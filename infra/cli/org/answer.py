"""What a command came to, in a few lines for a person."""

from collections import Counter
from collections.abc import Iterator, Mapping

from domain.catalog import Key, module_of
from domain.orders import Answer
from infra.cli.output import plain, show

_SHOWN_SUBMODULES = 3


def print_answer(answer: Answer) -> None:
    """Print what changed, who still grants, what to heed, and where it stands in the ledger."""
    for line in told(answer):
        show(line)


def told(answer: Answer) -> Iterator[str]:
    """The lines of `print_answer`."""
    yield _headline(answer)
    yield from _modules(answer.before, answer.after)
    yield from _submodules(answer.before, answer.after)
    if answer.remaining_sources:
        yield f"Granted by: {', '.join(answer.remaining_sources)}"
    for warning in answer.warnings:
        yield f"Note: {plain(warning)}"
    if answer.plan_token is not None:
        yield f"To do exactly this: the same command with --plan-token {answer.plan_token}"
        yield "(without --dry-run)."


def _headline(answer: Answer) -> str:
    stands = f"version {answer.org_version}"
    if answer.plan_token is not None:
        outcome = "this would change" if answer.changed else "nothing would change"
        return f"Organisation {answer.org}: {outcome}; nothing was written."
    if not answer.changed:
        return f"Organisation {answer.org}: nothing to change ({stands})."
    positions = answer.positions
    place = f"position {positions[0]}" if positions else "no position"
    if len(positions) > 1:
        place = f"positions {positions[0]} to {positions[-1]}"
    return f"Organisation {answer.org}: done ({stands}, {place})."


def _modules(before: Mapping[Key, str], after: Mapping[Key, str]) -> Iterator[str]:
    for key, state in after.items():
        if "." not in key:
            yield f"  {key}: {_change(before[key], state)}"


def _submodules(before: Mapping[Key, str], after: Mapping[Key, str]) -> Iterator[str]:
    found = {key: _change(before[key], state) for key, state in after.items() if "." in key}
    by_module: dict[Key, dict[Key, str]] = {}
    for key, change in found.items():
        by_module.setdefault(module_of(key), {})[key] = change
    for module, changes in by_module.items():
        if len(changes) <= _SHOWN_SUBMODULES:
            yield from (f"  {key}: {change}" for key, change in changes.items())
        else:
            counts = Counter(changes.values())
            told = ", ".join(f"{count} {change}" for change, count in counts.items())
            yield f"  {module}, its submodules: {told}"


def _change(before: str, after: str) -> str:
    return f"{before} → {after}" if before != after else f"{after}, as before"
