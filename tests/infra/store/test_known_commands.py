"""A command that was carried out is known: asked again it acts no second time, and answers."""

import pytest

from tests.infra.store.world import Connection, append, call, head, log, verdicts


def test_a_known_command_answers_what_it_came_to(app: Connection) -> None:
    """The same outcome with the stored response, although the stream has moved on since."""
    first = append("org-1", events=2, fingerprint=b"print", response=b'{"yes":true}')
    [appended] = call(app, first)
    call(app, append("org-1", expected=2))

    [known] = call(app, first)

    assert (known.verdict, known.fingerprint, known.response) == (
        "known",
        b"print",
        b'{"yes":true}',
    )
    assert known.version == appended.version == 2
    assert (known.first_position, known.recorded_at) == (1, appended.recorded_at)
    assert len(log(app)) == 3


def test_known_commands_answer_their_own_outcomes_in_any_order(app: Connection) -> None:
    """A later command of the same stream does not lend its version to an earlier one."""
    earlier, later = append("org-1", events=2), append("org-1", expected=2)
    call(app, earlier)
    call(app, later)

    outcomes = call(app, later, earlier)

    assert [(o.verdict, o.version) for o in outcomes] == [("known", 3), ("known", 2)]


def test_a_known_command_that_is_repeated_inside_one_batch_is_known_twice(
    app: Connection,
) -> None:
    """Both answer the earlier outcome."""
    first = append("org-1", response=b"{}")
    call(app, first)

    outcomes = call(app, first, append("org-2"), first)

    assert verdicts(outcomes) == ["known", "appended", "known"]
    assert len(log(app)) == 2


@pytest.mark.parametrize("expected", [0, None])
def test_a_new_command_that_is_repeated_inside_one_batch_acts_once(
    app: Connection, expected: int | None
) -> None:
    """The second learns what the first came to."""
    first = append("org-1", expected=expected, events=2, fingerprint=b"f", response=b"{}")

    outcomes = call(app, first, append("org-2"), first)

    assert verdicts(outcomes) == ["appended", "appended", "known"]
    assert (outcomes[2].version, outcomes[2].first_position) == (2, 1)
    assert (outcomes[2].fingerprint, outcomes[2].response) == (b"f", b"{}")
    assert len(log(app)) == 3


def test_an_id_that_two_commands_of_one_batch_share_acts_once(app: Connection) -> None:
    """Whatever the second wants, and on whichever stream: the id says that it is the first."""
    first = append("org-1", response=b"{}")

    outcomes = call(app, first, append("org-2", command_id=first.command_id, events=2))

    assert verdicts(outcomes) == ["appended", "known"]
    assert (outcomes[1].version, outcomes[1].first_position) == (1, 1)
    assert [row.stream for row in log(app)] == ["org-1"]


def test_a_command_in_conflict_that_is_repeated_inside_one_batch_is_in_conflict_twice(
    app: Connection,
) -> None:
    """It came to nothing, so there is nothing to know."""
    stale = append("org-1", expected=7)

    assert verdicts(call(app, stale, stale)) == ["conflict", "conflict"]
    assert log(app) == []


def test_a_command_without_events_is_remembered(app: Connection) -> None:
    """A command that changes nothing has an answer to repeat, and leaves the log as it is."""
    call(app, append("org-1", events=2))
    nothing = append("org-1", expected=2, events=0, response=b'{"changed":false}')

    first, again = call(app, nothing)[0], call(app, nothing)[0]

    assert (first.verdict, first.version, first.first_position) == ("appended", 2, None)
    assert (again.verdict, again.version, again.response) == ("known", 2, b'{"changed":false}')
    assert head(app).position == 2
