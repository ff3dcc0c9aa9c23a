"""The rollout as a person reads it in a terminal."""

from collections.abc import Iterator, Sequence

from rich.console import RenderableType

from domain.history import Recorded
from domain.instants import iso
from domain.phases import BY_KEY, ROLES, STEPS, following
from domain.rollout import Rollout
from infra.cli.output import plain
from infra.cli.tables import table
from projections.readiness import NewlyDenied, Readiness

_SHOWN = 8  # orgs by name; more are counted


def rules(rollout: Rollout) -> Iterator[str]:
    """The rules in force, in the order in which they apply."""
    held = rollout.rules
    yield f"  kill switch      {'ON: nothing is gated' if held.killed else 'off'}"
    if held.exempt_modules:
        yield f"  exempt modules   {', '.join(sorted(held.exempt_modules))}"
    if held.exempt_orgs:
        yield f"  exempt orgs      {_some(sorted(held.exempt_orgs))}"
    if held.forced_orgs:
        forced = [f"{org} ({mode})" for org, mode in sorted(held.forced_orgs.items())]
        yield f"  forced orgs      {_some(forced)}"
    yield f"  enforced for     {held.share / 100:g} % of the organisations"
    if held.share < 10_000:
        yield f"  all others       {held.default}"
    yield f"  step             {rollout.step}: {BY_KEY[rollout.step].title}"


def next_step(rollout: Rollout) -> Iterator[str]:
    """What comes next in the plan and what it lacks."""
    step = following(rollout.step)
    if step is None:
        yield "  next             none, the plan is finished"
        return
    agreed = rollout.signed_off.get(step.key, frozenset())
    missing = [role for role in ROLES if role not in agreed]
    yield f"  next             {step.key}: {step.title}"
    yield f"  sign-offs        {'all five are there' if not missing else 'lacks '}" + ", ".join(
        missing
    )
    if step.success_criteria:
        yield f"  success when     {'; '.join(step.success_criteria)}"


def plan(rollout: Rollout) -> RenderableType:
    """The plan's steps."""
    here = [step.key for step in STEPS].index(rollout.step)
    rows = []
    for place, step in enumerate(STEPS):
        mark = "done" if place < here else "here" if place == here else ""
        share = "" if step.share is None else f"{step.share / 100:g} %"
        agreed = len(rollout.signed_off.get(step.key, ()))
        hours = "" if step.usual_hours is None else "{}-{} h".format(*step.usual_hours)
        rows.append((step.key, step.title, share, f"{agreed} of {len(ROLES)}", hours, mark))
    return table("step", "what", "enforced", "signed off", "usually", "", rows=rows)


def changes(entries: Sequence[Recorded]) -> RenderableType:
    """Every change, newest first."""
    rows = [
        (
            str(entry.position),
            iso(entry.recorded_at),
            entry.fact.TOPIC.split(".")[1],
            plain(entry.fact.actor),
            plain(entry.fact.reason),
        )
        for entry in reversed(entries)
    ]
    return table("position", "recorded at", "what", "who", "why", rows=rows, right=("position",))


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


def weighed(found: Readiness) -> Iterator[str]:
    """What speaks for and against enforcing for more."""
    present, slower = found.evidence.present, found.evidence.slower
    yield f"From {found.present / 100:g} % to {found.share / 100:g} % of the organisations:"
    if present.rate is None:
        yield "  denials          nothing was watched in the last day"
    else:
        yield (
            f"  denials          {present.unexpected} of {present.checks} decisions denied what "
            f"the legacy flags allow ({present.rate:.2%})"
        )
    yield f"  latency          {'too few answers to tell' if slower is None else _times(slower)}"
    if found.problems:
        yield f"  REFUSED          {'; '.join(found.problems)}"
    else:
        yield "  ready            no threshold speaks against it"


def losing(orgs: Sequence[NewlyDenied]) -> RenderableType:
    """Who would newly be denied what, and when it was used last."""
    rows = [
        (
            entry.org if first else "",
            plain(entry.name) if first else "",
            used.key,
            used.denied_by,
            {True: "allows it", False: "denies it", None: "unknown"}[used.legacy],
            iso(used.last_use),
        )
        for entry in orgs
        for first, used in zip((True, *(False for _ in entry.keys)), entry.keys, strict=False)
    ]
    return table("org", "name", "key", "denied by", "legacy flag", "last use", rows=rows)


def _times(slower: float) -> str:
    return f"{slower:.2f} × the baseline"
