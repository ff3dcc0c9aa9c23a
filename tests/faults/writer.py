"""A process that writes orgs until it is killed: `python -m tests.faults.writer URL DIR MODE`.

It says a line for each org that was acknowledged: its number, version and first position. In the
mode `split` an org takes several orders; in the mode `hasty` the line comes first.
"""

import asyncio
import sys
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid5

from domain.catalog import Key
from domain.commands import BlockAccess, GrantAccess, RegisterOrg, StartTrial
from infra.database import Database
from infra.settings import Settings
from infra.wiring import Parts, running
from tests.infra.store.orders import CRM, order

CLIENTS = 4
FACTS = 4  # of one org
_IDS = UUID("a3f1d6c2-6a8e-4f0a-9a53-0c6f3d0f9d11")


async def main(url: str, data_dir: str, mode: str) -> None:
    """Let several clients write at once."""
    settings = Settings(data_dir=Path(data_dir), jwt_secret="x" * 32)
    where = Database(app_url=url, owner_url=url, embedded=None)
    async with running(settings, where) as parts:
        await asyncio.gather(*(write(parts, client, mode=mode) for client in range(CLIENTS)))


async def write(parts: Parts, number: int, *, mode: str) -> None:
    """One org after the other, from the first: those of an earlier run are known."""
    while True:
        commands = [
            RegisterOrg(name="Acme"),
            GrantAccess(key=CRM),
            StartTrial(key=Key("manufacturing"), until=parts.clock.now() + timedelta(days=5)),
            BlockAccess(scope="org", category="compliance"),
        ]
        if mode == "hasty":
            say(number, 0, 0)
        # In as many parts as nobody else: appends that wait at once keep their writers in step.
        cut = number % CLIENTS if mode == "split" else 0
        batches = [*([command] for command in commands[:cut]), commands[cut:]]
        orders = [
            order(str(number + 1), *batch, command_id=uuid5(_IDS, f"{number}/{part}"))
            for part, batch in enumerate(batches)
        ]
        answers = [await parts.ledger.execute(wanted) for wanted in orders]
        if mode != "hasty":
            say(number, answers[-1].org_version, answers[0].first_position or 0)
        number += CLIENTS


def say(*numbers: int) -> None:
    sys.stdout.write(" ".join(map(str, numbers)) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
