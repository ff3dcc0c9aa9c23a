"""What to type to take a change of the rollout's rules back."""

import shlex
from collections.abc import Iterable, Iterator

from domain.gating import Gating

REASON = "Why it is taken back"
_MOST_ORGS = 20  # on one line; who named more has them in a file


def undoing(before: Gating, now: Gating) -> list[str]:
    """The commands that lead from the rules `now` to those `before`; none where they cannot."""
    if not _can_be_typed(before, now):
        return []
    commands = [*_switched(before, now)]
    if changes := tuple(_changes(before, now)):
        commands.append(("set", *changes))
    commands += [("set", *change) for change in _modules(before, now)]
    return [
        shlex.join(("entitlements", "rollout", *command, "--reason", REASON))
        for command in commands
    ]


def _can_be_typed(before: Gating, now: Gating) -> bool:
    """Half of a way back is none: `set` takes few orgs, and forces them to enforce alone."""
    changed = before.exempt_orgs ^ now.exempt_orgs
    forced = set(before.forced_orgs.items()) ^ set(now.forced_orgs.items())
    again = before.forced_orgs.keys() & {org for org, _ in forced}
    return len(changed) + len(forced) <= _MOST_ORGS and all(
        org not in now.forced_orgs and before.forced_orgs[org] == "enforce" for org in again
    )


def _switched(before: Gating, now: Gating) -> Iterator[tuple[str, ...]]:
    """Only the ledger's switch: this machine's own is nobody else's."""
    if before.killed != now.killed:
        yield ("kill" if before.killed else "resume",)


def _changes(before: Gating, now: Gating) -> Iterator[str]:
    if before.share != now.share:
        yield from ("--percent", f"{before.share / 100:g}")
    if before.default != now.default:
        yield from ("--default", before.default)
    yield from _orgs("--include-org", now.exempt_orgs - before.exempt_orgs)
    yield from _orgs("--exempt-org", before.exempt_orgs - now.exempt_orgs)
    yield from _orgs("--release-org", now.forced_orgs.keys() - before.forced_orgs.keys())
    yield from _orgs("--force-org", before.forced_orgs.keys() - now.forced_orgs.keys())


def _modules(before: Gating, now: Gating) -> Iterator[tuple[str, str]]:
    """One for each: the command takes one at a time."""
    for key in sorted(now.exempt_modules - before.exempt_modules):
        yield "--include-module", key
    for key in sorted(before.exempt_modules - now.exempt_modules):
        yield "--exempt-module", key


def _orgs(option: str, orgs: Iterable[str]) -> Iterator[str]:
    for org in sorted(orgs):
        yield from (option, org)
