"""A process that stops with the head's lock: `python -m tests.faults.stopped URL LIMITS`.

With `LIMITS` it has the time-outs that every connection of the product has, else none.
"""

import asyncio
import os
import signal
import sys

from infra.store.append import CALL, arguments
from infra.store.connections import connect
from tests.infra.store.world import append


async def main(url: str, limits: str) -> None:
    """Append inside a transaction, say so, and stop."""
    connection = await connect(url, limits=limits == "LIMITS")
    await connection.set_autocommit(False)
    await connection.execute(CALL, arguments([append("org-stopped")]), binary=True)
    sys.stdout.write("has the lock\n")
    sys.stdout.flush()
    os.kill(os.getpid(), signal.SIGSTOP)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2]))
