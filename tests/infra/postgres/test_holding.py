"""The server lives exactly as long as somebody holds it."""

import os
from pathlib import Path

import pytest

from infra.postgres import EmbeddedPostgres
from infra.postgres.embedded import is_in_use
from infra.postgres.errors import AlreadyReleased
from tests.infra.postgres.conftest import Hold, NewHolder
from tests.infra.postgres.world import (
    answers,
    eventually,
    is_over,
    postmaster_pid,
    run_sql,
    supervisor_pid,
    value,
)

FORK = """
import os, sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from infra.postgres import EmbeddedPostgres
held = EmbeddedPostgres.hold(Path(sys.argv[2]), bin_dir=Path(sys.argv[3]))
if os.fork() == 0:
    print(held.owner_url, flush=True)
    sys.stdin.readline()
    held.release()
    print("released", flush=True)
    sys.stdin.readline()
else:
    PARENT
"""
PARENT_LEAVES = "held.release()"
PARENT_STAYS = "os.wait()"

EXEC = """
import subprocess, sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from infra.postgres import EmbeddedPostgres
held = EmbeddedPostgres.hold(Path(sys.argv[2]), bin_dir=Path(sys.argv[3]))
child = subprocess.Popen(["/bin/cat"], close_fds=False)
print(held.owner_url, flush=True)
child.wait()
"""


def test_a_second_holder_joins_the_running_server(
    data_dir: Path, hold: Hold, new_holder: NewHolder
) -> None:
    held = hold(data_dir)
    server = postmaster_pid(data_dir)
    assert new_holder(data_dir).says() == held.owner_url
    assert postmaster_pid(data_dir) == server


def test_the_server_stays_while_anybody_holds_it(
    data_dir: Path, hold: Hold, new_holder: NewHolder
) -> None:
    first = new_holder(data_dir)
    first.says()
    held = hold(data_dir)
    server = postmaster_pid(data_dir)
    first.tell("release")
    first.process.wait()
    held.ensure()
    assert postmaster_pid(data_dir) == server


def test_the_server_is_gone_when_the_last_holder_has_left(data_dir: Path, hold: Hold) -> None:
    assert not is_in_use(data_dir)
    held, other = hold(data_dir), hold(data_dir)
    assert is_in_use(data_dir)
    held.release()
    assert answers(other.owner_url)
    other.release()
    eventually(lambda: is_over(data_dir))
    assert not is_in_use(data_dir)
    assert not answers(held.owner_url)
    assert not (data_dir / "pg/data/postmaster.pid").exists()


def test_a_server_whose_holder_was_killed_goes_and_comes_back_with_what_was_committed(
    data_dir: Path, hold: Hold, new_holder: NewHolder
) -> None:
    holder = new_holder(data_dir)
    url = holder.says()
    run_sql(url, "DROP TABLE IF EXISTS kept; CREATE TABLE kept AS SELECT 7 AS n")
    holder.kill()
    eventually(lambda: is_over(data_dir))

    held = hold(data_dir)

    assert held.owner_url == url
    assert value(url, "SELECT n FROM kept") == 7


def test_a_holder_that_arrives_while_the_server_stops_gets_the_next_one(
    data_dir: Path, hold: Hold
) -> None:
    for _ in range(3):
        held = hold(data_dir)
        assert answers(held.app_url)
        held.release()


def test_a_forked_child_keeps_the_server_for_itself(data_dir: Path, new_holder: NewHolder) -> None:
    holder = new_holder(data_dir, program=FORK.replace("PARENT", PARENT_LEAVES))
    url = holder.says()
    holder.process.wait()
    assert answers(url)
    holder.tell("release")
    assert holder.says() == "released"
    eventually(lambda: is_over(data_dir))


def test_a_forked_child_that_releases_does_not_release_for_its_parent(
    data_dir: Path, hold: Hold, new_holder: NewHolder
) -> None:
    holder = new_holder(data_dir, program=FORK.replace("PARENT", PARENT_STAYS))
    holder.says()
    server = postmaster_pid(data_dir)
    holder.tell("release")
    assert holder.says() == "released"
    assert value(hold(data_dir).owner_url, "SELECT 1") == 1
    assert postmaster_pid(data_dir) == server


def test_another_program_started_by_a_holder_does_not_keep_the_server(
    data_dir: Path, new_holder: NewHolder
) -> None:
    holder = new_holder(data_dir, program=EXEC)
    holder.says()
    os.kill(holder.process.pid, 9)
    holder.process.wait()  # /bin/cat lives on: its input is still open
    eventually(lambda: is_over(data_dir))


def test_ctrl_c_reaches_the_holder_and_not_the_server(
    data_dir: Path, new_holder: NewHolder
) -> None:
    holder = new_holder(data_dir)
    url = holder.says()
    server = postmaster_pid(data_dir)
    assert os.getsid(supervisor_pid(data_dir)) != os.getsid(holder.process.pid)
    holder.interrupt()
    assert holder.says() == "interrupted"
    assert answers(url)
    assert postmaster_pid(data_dir) == server


def test_release_does_nothing_the_second_time(data_dir: Path, hold: Hold) -> None:
    with hold(data_dir) as held:
        held.release()
    held.release()
    with pytest.raises(AlreadyReleased):
        held.ensure()


def test_a_holder_may_change_its_working_directory(
    data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hold: Hold
) -> None:
    monkeypatch.chdir(data_dir.parent)
    held = hold(Path(data_dir.name))
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    held.ensure()
    assert isinstance(held, EmbeddedPostgres)
    assert answers(held.app_url)
