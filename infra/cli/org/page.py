"""One organisation on a terminal: tables, and what to do next where a table would be empty."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from rich.console import RenderableType

from domain.effective import Effective
from domain.lanes import Block
from infra.cli.org.standing import ModuleStanding, Standing
from infra.cli.output import plain, show
from infra.cli.tables import table


def print_standing(
    found: Standing, *, everything: bool, notes: Sequence[str] | None = None
) -> None:
    """Print where an organisation stands; `notes` say at which instant, None: now."""
    show(f"{plain(found.name)} (organisation {found.org}, version {found.org_version})")
    show(*(notes or ()))
    show(*_modules(found, everything=everything, now=notes is None), *_blocks(found))
    show(*_submodules(found, everything=everything), *_coming(found))


def left(until: datetime, *, at: datetime) -> str:
    """How long it is until an instant, in the largest unit that says enough."""
    span = until - at
    for unit, length in (("days", 86_400), ("hours", 3_600), ("minutes", 60)):
        if span >= timedelta(seconds=2 * length):
            return f"{int(span.total_seconds() // length)} {unit}"
    return f"{int(span.total_seconds())} seconds"


def _modules(found: Standing, *, everything: bool, now: bool) -> Iterator[RenderableType]:
    billable = [m for m in found.modules if not m.module.exempt]
    usable = [m for m in billable if m.state is not Effective.DISABLED]
    shown = billable if everything else usable
    if shown:
        rows = [_row(module, at=found.at) for module in shown]
        yield table("module", "status", "granted by", "until", "left", rows=rows)
    if not usable and not now:
        yield "No module was enabled then."
    elif not usable:
        yield "No module is enabled. Grant one, or a bundle of 'entitlements catalog show':"
        yield f'  entitlements org grant {found.org} --key crm --reason "Sold with contract 7"'
    elif not everything:
        disabled = len(billable) - len(usable)
        yield f"{disabled} other modules are disabled; --all shows them."
    exempt = [m.module.key for m in found.modules if m.module.exempt]
    yield f"Never gated: {', '.join(exempt)}."


def _row(module: ModuleStanding, *, at: datetime) -> tuple[str, ...]:
    until, rest = "", ""
    if module.expires_at is not None:
        until, rest = _minute(module.expires_at), left(module.expires_at, at=at)
    status = module.state.label
    if module.denied_by is not None:
        status = f"{status} ({module.denied_by})"
    return module.module.key, status, ", ".join(module.sources) or "-", until, rest


def _blocks(found: Standing) -> Iterator[RenderableType]:
    shown = [block for block in found.blocks if not _switches_off(block)]
    holding = [block for block in shown if block.active(found.at)]
    yield from _blocks_under("Blocked, whatever is granted:", holding)
    later = [block for block in shown if not block.active(found.at)]
    yield from _blocks_under("Blocks still to come:", later)


def _blocks_under(title: str, blocks: Sequence[Block]) -> Iterator[RenderableType]:
    if not blocks:
        return
    rows = [
        (
            block.key or "everything",
            block.category,
            _minute(block.starts),
            _minute(block.ends) if block.ends else "until lifted",
            block.id,
        )
        for block in blocks
    ]
    yield title
    yield table("what", "category", "from", "until", "block", rows=rows)


def _switches_off(block: Block) -> bool:
    return block.scope == "submodule" and block.category == "admin_off"


def _submodules(found: Standing, *, everything: bool) -> Iterator[RenderableType]:
    off = [key for module in found.modules for key in module.off]
    if everything:
        off += [block.key for block in found.blocks if _switches_off(block) and block.key]
    if off:
        yield f"Switched off: {', '.join(dict.fromkeys(off))}."


def _coming(found: Standing) -> Iterator[RenderableType]:
    if not found.coming:
        return
    rows = [
        (g.key, g.kind, g.source, _minute(g.starts), _minute(g.ends) if g.ends else "")
        for g in found.coming
    ]
    yield "Still to come:"
    yield table("key", "kind", "source", "from", "until", rows=rows)


def _minute(instant: datetime) -> str:
    return instant.strftime("%Y-%m-%d %H:%M UTC")
