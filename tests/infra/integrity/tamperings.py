"""What a forger with every right in the database may do to the log, and where it must be found."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from random import Random

from psycopg import AsyncConnection

from domain.breaks import Break, Kind
from domain.chain import chain_hash, leaf_hash
from domain.entries import Entry
from tests.infra.integrity.world import end_head, rehash


@dataclass(frozen=True)
class Expected:
    """What verification must say: a kind, and the position `at`, or one that covers `covers`."""

    kinds: tuple[Kind, ...]
    at: int | None = None
    covers: int | None = None

    def fits(self, found: Break | None) -> bool:
        """Whether a break was found, of the right kind and at the right place."""
        if found is None or found.kind not in self.kinds:
            return False
        if self.at is not None:
            return found.position == self.at
        assert self.covers is not None
        return (found.since or 0) < self.covers <= found.position


Tampering = Callable[[AsyncConnection, list[Entry], Random], Awaitable[Expected]]
REHASHED: tuple[Kind, ...] = ("rewritten", "tail_cut", "version_gap", "recorded_at_falls")


async def edit_content(connection: AsyncConnection, log: list[Entry], random: Random) -> Expected:
    """One byte of one event."""
    row = random.choice(log)
    state = bytearray(row.state)
    state[random.randrange(len(state))] ^= 1 << random.randrange(8)
    return await _edit(connection, row, "state = %s", bytes(state))


async def edit_topic(connection: AsyncConnection, log: list[Entry], random: Random) -> Expected:
    """A grant becomes a revocation."""
    row = random.choice(log)
    return await _edit(connection, row, "topic = %s", row.topic + "x")


async def edit_time(connection: AsyncConnection, log: list[Entry], random: Random) -> Expected:
    """It was recorded a little earlier or later."""
    row = random.choice(log)
    micros = random.choice([-1, 1]) * random.choice([1, 1_000_000, 86_400_000_000])
    change = "recorded_at = recorded_at + %s * interval '1 microsecond'"
    return await _edit(connection, row, change, micros)


async def edit_time_beyond(
    connection: AsyncConnection, log: list[Entry], random: Random
) -> Expected:
    """It was recorded when nothing can be, which programs may stumble over."""
    instant = random.choice(["infinity", "-infinity", "290000-01-01Z", "0044-03-15Z BC"])
    return await _edit(connection, random.choice(log), "recorded_at = %s::timestamptz", instant)


async def edit_stream(connection: AsyncConnection, log: list[Entry], random: Random) -> Expected:
    """It happened to another org."""
    return await _edit(connection, random.choice(log), "stream = %s", "org-elsewhere")


async def edit_version(connection: AsyncConnection, log: list[Entry], random: Random) -> Expected:
    """It has another place in its stream."""
    return await _edit(connection, random.choice(log), "version = version + %s", 1000)


async def edit_event_id(connection: AsyncConnection, log: list[Entry], random: Random) -> Expected:
    """It is another event."""
    row = random.choice(log)
    return await _edit(connection, row, "event_id = gen_random_uuid() WHERE %s", True)


async def edit_hash(connection: AsyncConnection, log: list[Entry], random: Random) -> Expected:
    """Only the hash."""
    return await _edit(connection, random.choice(log), "hash = %s", random.randbytes(32))


async def delete_one(connection: AsyncConnection, log: list[Entry], random: Random) -> Expected:
    """An event is gone."""
    position = random.choice(log).position
    await connection.execute("DELETE FROM ledger.events WHERE position = %s", (position,))
    return Expected(("missing",), at=position)


async def cut_tail(connection: AsyncConnection, log: list[Entry], random: Random) -> Expected:
    """The last events are gone, and the head says so, too: only a checkpoint can tell."""
    last = random.randrange(1, len(log))
    await connection.execute("DELETE FROM ledger.events WHERE position > %s", (last,))
    await end_head(connection)
    return Expected(("tail_cut",), at=last + 1)


async def cut_tail_only(connection: AsyncConnection, log: list[Entry], random: Random) -> Expected:
    """The last events are gone, and the head was left."""
    last = random.randrange(1, len(log))
    await connection.execute("DELETE FROM ledger.events WHERE position > %s", (last,))
    return Expected(("missing",), at=last + 1)


async def swap_places(connection: AsyncConnection, log: list[Entry], random: Random) -> Expected:
    """Two events change places, each with its hash."""
    first, second = sorted(row.position for row in random.sample(log, 2))
    for old, new in ((first, 0), (second, first), (0, second)):
        await connection.execute(
            "UPDATE ledger.events SET position = %s WHERE position = %s", (new, old)
        )
    return Expected(("order",), at=first)


async def swap_contents(connection: AsyncConnection, log: list[Entry], random: Random) -> Expected:
    """Two events change what they say, and leave everything else."""
    first, second = sorted(random.sample(log, 2), key=lambda row: row.position)
    for row, other in ((first, second), (second, first)):
        await connection.execute(
            "UPDATE ledger.events SET topic = %s, state = %s WHERE position = %s",
            (other.topic, other.state, row.position),
        )
    return Expected(("altered",), at=first.position)


async def insert_behind(connection: AsyncConnection, log: list[Entry], random: Random) -> Expected:
    """An event is added by hand, rightly linked, and the head does not know."""
    last = random.choice(log)
    position = len(log) + 1
    row = last._replace(position=position, version=last.version + 5000)
    linked = chain_hash(log[-1].hash, leaf_hash(row))
    await _insert_like(connection, last.position, row, linked)
    return Expected(("head_mismatch",), at=position)


async def insert_before(connection: AsyncConnection, log: list[Entry], random: Random) -> Expected:
    """An event stands where nobody looks, and is found through its stream all the same."""
    like = random.choice(log)
    row = like._replace(position=-random.randrange(5), version=like.version + 5000)
    await _insert_like(connection, like.position, row, like.hash)
    return Expected(("order",), at=row.position)


async def change_head(connection: AsyncConnection, log: list[Entry], random: Random) -> Expected:
    """The head is not what the log ends in."""
    kind, change, at = random.choice(
        [
            ("head_mismatch", "hash = sha256(hash)", len(log)),
            ("head_mismatch", "recorded_at = recorded_at - interval '1 second'", len(log)),
            ("head_mismatch", "recorded_at = 'infinity'", len(log)),
            ("head_mismatch", "position = position - 1", len(log)),
            ("missing", "position = position + 1", len(log) + 1),
        ]
    )
    await connection.execute(f"UPDATE ledger.head SET {change}".encode())  # noqa: S608 - from above
    return Expected((kind,), at=at)  # type: ignore[arg-type]  # a kind from above


async def rewrite(connection: AsyncConnection, log: list[Entry], random: Random) -> Expected:
    """An event is changed and the chain made right from there to the head."""
    edit = random.choice([edit_content, edit_topic, edit_time, edit_event_id])
    changed = await edit(connection, log[1:], random)
    assert changed.at is not None
    await rehash(connection, start=changed.at)
    return Expected(REHASHED, covers=changed.at)


async def rewrite_without_one(
    connection: AsyncConnection, log: list[Entry], random: Random
) -> Expected:
    """An event is taken out, all later ones close up, and the chain is made right."""
    row = random.choice(log[1:-1])
    await connection.execute("DELETE FROM ledger.events WHERE position = %s", (row.position,))
    # Through negative numbers: uniqueness is checked row by row.
    await connection.execute(
        "UPDATE ledger.events SET position = -position WHERE position > %s", (row.position,)
    )
    await connection.execute("UPDATE ledger.events SET position = -position - 1 WHERE position < 0")
    await connection.execute(
        "UPDATE ledger.events SET version = -version WHERE stream = %s AND version > %s",
        (row.stream, row.version),
    )
    await connection.execute("UPDATE ledger.events SET version = -version - 1 WHERE version < 0")
    await rehash(connection, start=row.position)
    return Expected(REHASHED, covers=row.position)


async def rewrite_in_another_order(
    connection: AsyncConnection, log: list[Entry], random: Random
) -> Expected:
    """Two events change places and the chain is made right."""
    swapped = await swap_places(connection, log[1:], random)
    assert swapped.at is not None
    await rehash(connection, start=swapped.at)
    return Expected(REHASHED, covers=swapped.at)


ALL: tuple[Tampering, ...] = (
    edit_content,
    edit_topic,
    edit_time,
    edit_time_beyond,
    edit_stream,
    edit_version,
    edit_event_id,
    edit_hash,
    delete_one,
    cut_tail,
    cut_tail_only,
    swap_places,
    swap_contents,
    insert_behind,
    insert_before,
    change_head,
    rewrite,
    rewrite_without_one,
    rewrite_in_another_order,
)


async def _edit(connection: AsyncConnection, row: Entry, change: str, value: object) -> Expected:
    where = "AND" if "WHERE" in change else "WHERE"
    statement = f"UPDATE ledger.events SET {change} {where} position = %s"  # noqa: S608 - from above
    await connection.execute(statement.encode(), (value, row.position))
    return Expected(("altered",), at=row.position)


async def _insert_like(connection: AsyncConnection, like: int, row: Entry, digest: bytes) -> None:
    await connection.execute(
        "INSERT INTO ledger.events SELECT %s, stream, %s, event_id, topic, state, recorded_at, %s"
        "  FROM ledger.events WHERE position = %s",
        (row.position, row.version, digest, like),
    )
