"""A process that decides through the SDK, and says each time its answer is another one."""

import asyncio
import json
import sys
import threading
import time

from entitlements_sdk import Entitlements

_LOOK_SECONDS = 0.005


async def _say(ledger: str, token: str, org: str, key: str, ended: threading.Event) -> None:
    """A line for each change: whether it is allowed, and when that was first seen."""
    before: bool | None = None
    async with Entitlements(ledger, token=token) as entitlements:
        while not ended.is_set():
            allowed = await entitlements.allowed(org, key)
            if allowed is not before:
                before = allowed
                sys.stdout.write(f"{json.dumps(allowed)} {time.monotonic()}\n")
                sys.stdout.flush()
            await asyncio.sleep(_LOOK_SECONDS)


def main() -> None:
    """Until standard input closes, which it does however the drill ends.

    What to ask comes in by standard input, where no list of processes shows the token.
    """
    asked: dict[str, str] = json.loads(sys.stdin.readline())
    ended = threading.Event()

    def end_with_input() -> None:
        sys.stdin.read()
        ended.set()

    threading.Thread(target=end_with_input, daemon=True).start()
    asyncio.run(_say(**asked, ended=ended))


if __name__ == "__main__":
    main()
