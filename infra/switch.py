"""This machine's own kill switch: it works with the ledger and every broker out of reach.

`ENABLE_ENTITLEMENTS_GATING=false` in the environment, or a file that says `off`. What the file
says is read once a second; while it cannot be read, what it said before goes on to hold.
"""

import asyncio
import contextlib
from pathlib import Path

from infra.settings import Settings
from projections.rollout import Gates

FILE = "gating"  # in the data directory
LOOK_SECONDS = 1.0
_OFF = ("off", "false", "no", "0", "disabled")
_ON = ("on", "true", "yes", "1", "enabled", "")


def switch_file(settings: Settings) -> Path:
    """The file that speaks for this machine."""
    return settings.gating_file or settings.data_dir / FILE


class Switch:
    """Keeps the gates told of what this machine says.

    Args:
        enabled: the environment's word; None: it says nothing.
        file: is asked when the environment does not turn gating off.
    """

    def __init__(self, gates: Gates, *, enabled: bool | None, file: Path) -> None:
        self._gates = gates
        self._enabled = enabled
        self._file = file
        self._killed = False
        self._task: asyncio.Task[None] | None = None
        self.problem: str | None = None

    @property
    def killed(self) -> bool:
        """Whether this machine gates nothing."""
        return self._enabled is False or self._killed

    def look(self) -> None:
        """Read the file and tell the gates."""
        try:
            said = self._file.read_text(encoding="utf-8").strip().lower()
        except FileNotFoundError:
            said = ""
        except (OSError, UnicodeError) as error:
            self.problem = f"{self._file} cannot be read: {error}"
            said = None
        if said in (*_OFF, *_ON):
            self.problem, self._killed = None, said in _OFF
        elif said is not None:
            self.problem = f"{self._file} must say 'on' or 'off', not {said[:20]!r}"
        self._gates.switch(killed=self.killed)

    def start(self) -> None:
        """Look now and go on looking; needs a running loop."""
        self.look()
        self._task = asyncio.create_task(self._keep_looking(), name="gating switch")

    async def close(self) -> None:
        """Stop looking."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _keep_looking(self) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            self.look()
