"""The journal: appends that wait at once share a transaction, and no outcome is guessed."""

import asyncio
from functools import partial

import psycopg
import pytest

from domain.refusals import Unavailable
from infra.clock import LedgerClock
from infra.database import Database
from infra.store.append import Append, Appended, ViewRows
from infra.store.connections import connect
from infra.store.journal import LINES, MOST_AT_ONCE, SHARED_FROM, Journal
from tests.infra.store.journals import started, together
from tests.infra.store.world import (
    Connection,
    append,
    assert_gapless,
    blocked,
    call,
    head,
    log,
    until,
    verdicts,
)

pytestmark = pytest.mark.anyio

NUL_IN_TOPIC = "entitlements.\0.v1"  # the server's texts have none
HALF_A_LETTER = "entitlements.\ud800.v1"  # a surrogate has no encoding
NO_NAME = ViewRows(name=None, state=b"{}", granted="{}")  # type: ignore[arg-type]  # on purpose


async def test_appends_that_wait_at_once_share_one_transaction(
    journal: Journal, app: Connection
) -> None:
    """One commit for all of them, and for each an outcome of its own."""
    outcomes = await together(journal, *(append(f"org-{n}", events=2) for n in range(20)))

    transactions = app.execute("SELECT count(DISTINCT xmin::text), count(*) FROM ledger.events")
    assert transactions.fetchone() == (1, 40)
    assert [o.first_position for o in outcomes if isinstance(o, Appended)] == list(range(1, 40, 2))


async def test_more_appends_than_one_transaction_holds_are_all_carried_out(
    journal: Journal, app: Connection
) -> None:
    """In as many transactions as it takes, each of them once."""
    count = 2 * MOST_AT_ONCE + 7

    outcomes = await together(journal, *(append(f"org-{n}") for n in range(count)))

    transactions = app.execute("SELECT count(DISTINCT xmin::text) FROM ledger.events").fetchone()
    assert transactions == (3,)
    positions = {o.first_position: n for n, o in enumerate(outcomes) if isinstance(o, Appended)}
    assert {row.position: int(row.stream[4:]) for row in log(app)} == positions


async def test_a_few_wait_for_the_batch_that_is_under_way(
    journal: Journal, app: Connection, owner: Connection
) -> None:
    """Sent at once they would end no sooner, and would each take a transaction."""
    with owner.transaction():
        owner.execute("SELECT FROM ledger.head FOR UPDATE")
        first = asyncio.ensure_future(together(journal, *(append(f"org-{n}") for n in range(3))))
        await until(lambda: blocked(app) == 1)
        second = asyncio.ensure_future(together(journal, append("org-3")))
        await asyncio.sleep(0.1)  # enough, nearly always, for a journal that would not wait
        third = asyncio.ensure_future(together(journal, append("org-4")))
        await asyncio.sleep(0)
    await asyncio.gather(first, second, third)

    batches = app.execute("SELECT count(*) FROM ledger.events GROUP BY xmin::text ORDER BY 1")
    assert batches.fetchall() == [(2,), (3,)]


async def test_as_many_as_are_under_way_do_not_wait(
    journal: Journal, app: Connection, owner: Connection
) -> None:
    """Their batch stands ready at the lock when the one before it is done."""
    with owner.transaction():
        owner.execute("SELECT FROM ledger.head FOR UPDATE")
        asking = [asyncio.ensure_future(journal.append(append(f"org-{n}"))) for n in range(3)]
        await until(lambda: blocked(app) == 1)
        asking += [asyncio.ensure_future(journal.append(append(f"org-{n}"))) for n in range(3, 6)]
        await until(lambda: blocked(app) == LINES)

    assert verdicts(await asyncio.gather(*asking)) == ["appended"] * 6


async def test_very_many_that_wait_at_once_are_shared_out(
    journal: Journal, app: Connection, owner: Connection
) -> None:
    """One half is made ready while PostgreSQL works on the other."""
    with owner.transaction():
        owner.execute("SELECT FROM ledger.head FOR UPDATE")
        asking = asyncio.ensure_future(
            together(journal, *(append(f"org-{n}") for n in range(SHARED_FROM)))
        )
        await until(lambda: blocked(app) == LINES)
    await asking

    batches = app.execute("SELECT count(*) FROM ledger.events GROUP BY xmin::text")
    assert batches.fetchall() == [(SHARED_FROM // LINES,)] * LINES


async def test_a_conflict_is_the_outcome_of_its_own_command_alone(
    journal: Journal, app: Connection
) -> None:
    """It is an answer, not an error."""
    outcomes = await together(journal, append("org-1"), append("org-2", expected=3), append("x"))

    assert verdicts([o for o in outcomes if isinstance(o, Appended)]) == [
        "appended",
        "conflict",
        "appended",
    ]
    assert len(log(app)) == 2


@pytest.mark.parametrize(
    ("poison", "error"),
    [
        (append("org-p", topic=HALF_A_LETTER), UnicodeEncodeError),
        (append("org-p", topic=NUL_IN_TOPIC), psycopg.Error),
        (append("org-p", views=NO_NAME), psycopg.Error),
    ],
    ids=["refused here", "refused by the server", "refused by a table"],
)
async def test_one_that_cannot_be_written_takes_no_others_with_it(
    journal: Journal, app: Connection, poison: Append, error: type[Exception]
) -> None:
    """Its own caller gets the error; whoever waited beside it gets an outcome."""
    outcomes = await together(journal, append("org-1"), poison, append("org-2", events=2))

    assert isinstance(outcomes[1], error)
    assert [getattr(outcomes[n], "verdict", None) for n in (0, 2)] == ["appended", "appended"]
    assert [row.stream for row in log(app)] == ["org-1", "org-2", "org-2"]
    assert_gapless(log(app))
    assert (await journal.append(append("org-3"))).verdict == "appended"


async def test_a_caller_that_goes_away_takes_no_others_with_it(
    journal: Journal, app: Connection
) -> None:
    """What it asked for may be recorded or not; the rest is."""
    leaving = asyncio.ensure_future(journal.append(append("org-1")))
    staying = asyncio.ensure_future(journal.append(append("org-2")))
    await asyncio.sleep(0)
    leaving.cancel()

    assert (await staying).verdict == "appended"
    assert "org-2" in [row.stream for row in log(app)]


async def test_each_append_tells_the_clock(database: Database, app: Connection) -> None:
    """The ledger's time is at least that of its last event, whatever this machine's clock says."""
    clock = LedgerClock()
    with psycopg.connect(database.owner_url) as owner:
        owner.execute("UPDATE ledger.head SET recorded_at = clock_timestamp() + interval '1 day'")
    journal = Journal(partial(connect, database.app_url), clock=clock)
    journal.start()

    outcome = await journal.append(append())
    await journal.close()

    assert clock.now() >= outcome.recorded_at == head(app).recorded_at


@pytest.mark.parametrize("stands", ["before it starts", "after it is closed"])
async def test_a_journal_that_does_not_run_refuses(database: Database, stands: str) -> None:
    """It says that nothing was recorded, and nobody waits."""
    journal = Journal(partial(connect, database.app_url), clock=LedgerClock())
    if stands == "after it is closed":
        journal.start()
        await journal.append(append())
        await journal.close()

    with pytest.raises(Unavailable, match="nothing was recorded"):
        await journal.append(append("org-2"))


async def test_a_journal_that_closes_answers_everybody(
    database: Database, app: Connection, owner: Connection
) -> None:
    """What was begun comes to its end, the rest is told so, and no connection stays behind."""
    count = (LINES + 2) * MOST_AT_ONCE
    journal = Journal(partial(connect, database.app_url), clock=LedgerClock())
    journal.start()
    with owner.transaction():
        owner.execute("SELECT FROM ledger.head FOR UPDATE")
        asking = asyncio.ensure_future(
            together(journal, *(append(f"org-{n}") for n in range(count)))
        )
        await until(lambda: blocked(app) == LINES)
        closing = asyncio.ensure_future(journal.close())
        await asyncio.sleep(0)

    await closing
    outcomes = await asking
    appended = {f"org-{n}" for n, o in enumerate(outcomes) if isinstance(o, Appended)}
    refused = [outcome for outcome in outcomes if isinstance(outcome, Unavailable)]
    assert (len(appended), len(refused)) == (LINES * MOST_AT_ONCE, count - len(appended))
    assert appended == {row.stream for row in log(app)}
    assert {refusal.message for refusal in refused} == {"The journal closed; nothing was recorded."}
    await until(lambda: others(app) == 0)


def others(connection: Connection) -> int:
    """How many connections to this database the application has beside this one."""
    row = connection.execute(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        " AND usename = 'ledger_app' AND pid <> pg_backend_pid()"
    ).fetchone()
    assert row is not None
    return int(row[0])


async def test_a_command_that_two_journals_send_acts_once(
    database: Database, journal: Journal, app: Connection
) -> None:
    """As two processes do that a client has asked both."""
    twice = append("org-1", response=b"{}")
    async with started(partial(connect, database.app_url)) as other:
        outcomes = await asyncio.gather(journal.append(twice), other.append(twice))

    assert sorted(verdicts(outcomes)) == ["appended", "known"]
    assert {outcome.first_position for outcome in outcomes} == {1}
    assert len(log(app)) == 1
    assert verdicts(call(app, twice)) == ["known"]
