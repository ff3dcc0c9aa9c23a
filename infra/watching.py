"""Keeps what is seen of decisions: in batches, and never in the way of a decision."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

import psycopg

from domain.refusals import Refusal
from projections.tallies import Tallies
from projections.watched import KEPT_DAYS, Batch, Sight, forget, keep

log = logging.getLogger(__name__)

EVERY_SECONDS = 2.0
_FORGET_EVERY = 1_800  # times of keeping: an hour or so

Answers = Callable[[], tuple[int, float]]


class Watching:
    """One process's sight of decisions, and its way into the database.

    `would_deny_total` counts what shadow mode let pass, by what the legacy view says of it:
    `false_denial` where its flag allows the key, `agreed` where it does not, `unknown_org` where it
    has no such organisation, `unsampled` where there was no room to look. Denials that are enforced
    against the flag are `unexpected_denied_total`.

    Args:
        reading: gives a connection to the database.
        version: that of the rollout which holds here.
        now: the ledger's clock.
    """

    def __init__(
        self,
        tallies: Tallies,
        *,
        reading: Callable[[], AbstractAsyncContextManager[Any]],
        version: Callable[[], int],
        now: Callable[[], datetime],
    ) -> None:
        self.sight = Sight()
        self.answers: Answers = lambda: (0, 0.0)  # of the check route since the process began
        self._reading = reading
        self._version = version
        self._now = now
        self._answered = (0, 0.0)
        self._times = 0
        self._would_deny = tallies.count(
            "would_deny_total",
            "Decisions that shadow mode let pass, by what the legacy flags say.",
            ("class",),
        )
        self._unexpected = tallies.count(
            "unexpected_denied_total", "Denials of what the legacy flags allow."
        )

    async def keep(self) -> None:
        """Keep what was seen; what cannot be kept now is kept the next time."""
        self._see_answers()
        batch = self.sight.take()
        if not batch:
            return
        try:
            async with self._reading() as connection:
                legacy = await keep(connection, batch)
        except (Refusal, psycopg.Error, TimeoutError):
            self.sight.put_back(batch)
            return
        except asyncio.CancelledError:
            self.sight.put_back(batch)  # for the last time of keeping
            raise
        self._count(batch, legacy)
        if self._times % _FORGET_EVERY == 0:
            await self._forget()
        self._times += 1

    async def _forget(self) -> None:
        """Drop what is old; what was kept before is kept, whether or not this succeeds."""
        with contextlib.suppress(Refusal, psycopg.Error, TimeoutError):
            async with self._reading() as connection:
                await forget(connection, before=self._now() - timedelta(days=KEPT_DAYS))

    @asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        """Keep it every few seconds while the block runs, and once more at the end."""
        task = asyncio.create_task(self._keep_on(), name="watch decisions")
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
            await self.keep()

    async def _keep_on(self) -> None:
        while True:
            await asyncio.sleep(EVERY_SECONDS)
            try:
                await self.keep()
            except Exception:
                log.exception("What was seen of decisions is not kept at the moment.")

    def _see_answers(self) -> None:
        number, seconds = self.answers()
        before, took = self._answered
        if number > before:
            self.sight.answered(number - before, seconds - took, version=self._version())
            self._answered = number, seconds

    def _count(self, batch: Batch, legacy: list[bool | None]) -> None:
        if batch.unsampled:
            self._would_deny.add("unsampled", by=batch.unsampled)
        for (denial, seen), flag in zip(batch.denials.items(), legacy, strict=True):
            if not denial.enforced:
                self._would_deny.add(_CLASSES[flag], by=seen.uses)
            elif flag:
                self._unexpected.add(by=seen.uses)


_CLASSES = {True: "false_denial", False: "agreed", None: "unknown_org"}
