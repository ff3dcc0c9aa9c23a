"""Running a command's work over an opened ledger."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from infra.wiring import Parts

T = TypeVar("T")


def over_ledger(work: "Callable[[Parts], Awaitable[T]]") -> T:
    """What `work` makes of the running parts; the ledger is open for as long as it takes."""
    from infra import loops
    from infra.settings import Settings
    from infra.wiring import opened

    settings = Settings.from_environment()

    async def run() -> T:
        async with opened(settings) as parts:
            return await work(parts)

    return loops.run(run())
