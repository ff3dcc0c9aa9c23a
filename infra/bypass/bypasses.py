"""The bypass of one process, put together."""

from collections.abc import Callable, Collection
from contextlib import AbstractAsyncContextManager
from typing import Any

from domain.bypass import BYPASS_USES_STREAM
from domain.catalog import Key, module_of
from infra.bypass.convoy import Convoy
from infra.bypass.notes import Notes
from infra.bypass.sessions import Sessions
from infra.bypass.uses import Uses
from infra.clock import LedgerClock
from infra.store.journal import Journal


class Bypasses:
    """Sessions and uses, and where no bypass is allowed.

    Args:
        allowed: False is the strict mode: nobody bypasses anything.
        never: keys that are not bypassed, with all of their submodules.
    """

    def __init__(
        self,
        journal: Journal,
        *,
        clock: LedgerClock,
        reading: Callable[[], AbstractAsyncContextManager[Any]],
        allowed: bool,
        never: Collection[str],
    ) -> None:
        self.notes = Notes(journal)
        self.sessions = Sessions(self.notes, clock=clock, reading=reading)
        self.convoy = Convoy(journal, stream=BYPASS_USES_STREAM, clock=clock)
        self.uses = Uses(self.notes, self.convoy, sessions=self.sessions, clock=clock)
        self._allowed = allowed
        self._never = frozenset(never)

    def forbidden(self, key: Key) -> str | None:
        """Why a key must not be bypassed, None where it may be."""
        if not self._allowed:
            return "this ledger is strict, no key is ever bypassed"
        if self._never & {key, module_of(key)}:
            return "this ledger never lets it be bypassed"
        return None
