"""`ledger_append`: one order of all events, and for each command an outcome of its own."""

from concurrent.futures import ThreadPoolExecutor
from random import Random
from uuid import uuid4

import psycopg

from infra.database import Database
from infra.store.append import Append, ViewRows
from tests.infra.store.world import (
    Connection,
    append,
    assert_gapless,
    call,
    head,
    log,
    verdicts,
)

STREAMS = [f"org-{number}" for number in range(8)]


def test_positions_are_gapless_over_concurrent_batches(database: Database, app: Connection) -> None:
    """Batches of four connections at once, with conflicts among them, leave no gap and no twin."""

    def write(seed: int) -> int:
        random = Random(seed)
        written = 0
        with psycopg.connect(database.app_url, autocommit=True) as connection:
            for _ in range(25):
                batch = [
                    append(
                        stream,
                        expected=random.choice([None, None, 0]),
                        events=random.randint(1, 3),
                    )
                    for stream in random.sample(STREAMS, random.randint(1, 5))
                ]
                for wanted, outcome in zip(batch, call(connection, *batch), strict=True):
                    written += len(wanted.events) if outcome.verdict == "appended" else 0
        return written

    with ThreadPoolExecutor(4) as threads:
        written = sum(threads.map(write, range(4)))

    rows = log(app)
    assert len(rows) == written == head(app).position
    assert_gapless(rows)


def test_an_outcome_tells_where_its_events_are(app: Connection) -> None:
    """The version after them, the position of the first, and when they were recorded."""
    call(app, append("org-1", events=2))

    outcomes = call(app, append("org-1", expected=2, events=3), append("org-2", events=2))

    assert [(o.version, o.first_position) for o in outcomes] == [(5, 3), (2, 6)]
    assert {o.recorded_at for o in outcomes} == {row.recorded_at for row in log(app)[2:]}


def test_what_was_asked_is_what_is_stored(app: Connection) -> None:
    """Ids, topics and bodies arrive unchanged, in the order they were given."""
    wanted = [append("org-ü", events=2, topic="entitlements.Ünlike.v1"), append("catalog")]

    call(app, *wanted)

    asked = [
        (each.stream, event_id, topic, body)
        for each in wanted
        for event_id, topic, body in each.events
    ]
    assert [(r.stream, r.event_id, r.topic, r.state) for r in log(app)] == asked


def test_a_conflict_of_one_command_leaves_the_others_alone(app: Connection) -> None:
    """Each keeps its outcome; of the one in conflict nothing is written."""
    call(app, append("org-2", events=3))

    outcomes = call(
        app,
        append("org-1", expected=0),
        append("org-2", expected=1, events=2),
        append("org-3", expected=None),
    )

    assert verdicts(outcomes) == ["appended", "conflict", "appended"]
    assert (outcomes[1].version, outcomes[1].first_position) == (3, None)
    assert [row.stream for row in log(app)[3:]] == ["org-1", "org-3"]


def test_a_command_in_conflict_may_be_sent_again(app: Connection) -> None:
    """Its id is not used up, so it is judged anew."""
    call(app, append("org-1"))
    stale = append("org-1", expected=0)
    assert verdicts(call(app, stale)) == ["conflict"]

    rebased = Append(
        command_id=stale.command_id, stream=stale.stream, expected=1, events=stale.events
    )

    assert verdicts(call(app, rebased)) == ["appended"]


def test_of_two_commands_that_expect_a_version_of_one_stream_one_is_to_be_judged_again(
    app: Connection,
) -> None:
    """Neither knew of the other."""
    outcomes = call(app, append("org-1", expected=0), append("org-1", expected=0))

    assert verdicts(outcomes) == ["appended", "conflict"]
    assert outcomes[1].version == 1
    assert len(log(app)) == 1


def test_commands_that_expect_nothing_follow_each_other_on_one_stream(app: Connection) -> None:
    """A stream taken at any version takes all commands of a batch, in their order."""
    call(app, append("bypass-1", events=2))

    outcomes = call(
        app,
        append("bypass-1", expected=None, events=2),
        append("org-1"),
        append("bypass-1", expected=None),
        append("bypass-1", expected=None, events=3),
    )

    assert [(o.version, o.first_position) for o in outcomes] == [(4, 3), (1, 5), (5, 6), (8, 7)]
    assert_gapless(log(app))


def test_an_answer_of_many_commands_is_in_their_order(app: Connection) -> None:
    """Known, new and conflicting ones, each where it was asked."""
    known = append("org-9", response=b"9")
    call(app, known)

    outcomes = call(
        app, append("org-9", expected=5), append("org-8"), known, append("org-7", expected=2)
    )

    assert verdicts(outcomes) == ["conflict", "appended", "known", "conflict"]


def test_the_views_of_a_conflicting_command_are_not_written(app: Connection) -> None:
    """The inline views say what the log says, and nothing else."""
    views = ViewRows(name="Acme", state=b"new", granted="{}")
    call(app, append("org-1", views=ViewRows(name="Acme", state=b"old", granted="{}")))

    call(app, append("org-1", expected=0, views=views), append("org-2", views=views))

    rows = app.execute("SELECT org, org_version, position, state FROM ledger.current_entitlements")
    assert sorted(rows.fetchall()) == [("1", 1, 1, b"old"), ("2", 1, 2, b"new")]


def test_an_append_wakes_whoever_listens(database: Database, app: Connection) -> None:
    """One notification for a batch, with the position it reached; none where nothing is new."""
    known = append("org-1")
    call(app, known)
    with psycopg.connect(database.app_url, autocommit=True) as listener:
        listener.execute("LISTEN ledger")
        call(app, known, append("org-1", expected=9))
        call(app, append("org-2", events=2), append("org-3"))

        [heard] = list(listener.notifies(timeout=5, stop_after=1))

    assert heard.payload == "4"


def test_an_append_that_is_rolled_back_leaves_no_gap(database: Database, app: Connection) -> None:
    """A position is only taken by what is committed."""
    with psycopg.connect(database.app_url) as connection:
        call(connection, append("org-1", events=5, command_id=uuid4()))
        connection.rollback()

    [outcome] = call(app, append("org-2"))

    assert outcome.first_position == 1
    assert_gapless(log(app))
