"""Whatever is killed, the same address answers again, and nothing committed is lost."""

import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from infra.postgres import kernel
from tests.infra.postgres.conftest import Hold
from tests.infra.postgres.world import (
    answers,
    eventually,
    is_over,
    kill,
    postmaster_pid,
    run_sql,
    supervisor_pid,
    value,
)

linux = pytest.mark.skipif(not kernel.LINUX, reason="orphans are found by Linux's means")


def keep(url: str) -> None:
    run_sql(url, "DROP TABLE IF EXISTS kept")
    run_sql(url, "CREATE TABLE kept AS SELECT 7 AS n")


def kept(url: str) -> bool:
    return answers(url) and value(url, "SELECT n FROM kept") == 7


def test_a_killed_server_comes_back_by_itself(data_dir: Path, hold: Hold) -> None:
    held = hold(data_dir)
    keep(held.owner_url)
    kill(postmaster_pid(data_dir))
    eventually(lambda: kept(held.owner_url))


def test_a_server_that_is_killed_again_and_again_comes_back(data_dir: Path, hold: Hold) -> None:
    held = hold(data_dir)
    keep(held.owner_url)
    for _ in range(3):
        kill(postmaster_pid(data_dir))
        held.ensure()
        assert kept(held.owner_url)


@contextmanager
def computing(url: str, *, timeout: str = "0") -> Iterator[None]:
    """A backend that is busy inside the block, and loses its connection in it."""
    busy = "SELECT count(*) FROM generate_series(1, 1000000000000) WHERE random() > 2"

    def compute() -> None:
        with pytest.raises((psycopg.OperationalError, psycopg.errors.QueryCanceled)):
            run_sql(url, f"SET statement_timeout = '{timeout}'; {busy}")

    thread = threading.Thread(target=compute)
    thread.start()
    running = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SET statement_timeout%'"
    eventually(lambda: value(url, running) != 0)
    yield
    thread.join()


def supervisors(data_dir: Path) -> int:
    return (data_dir / "supervisor.log").read_text().count(" begins")


@linux
def test_backends_of_a_killed_server_do_not_delay_the_next(data_dir: Path, hold: Hold) -> None:
    """A backend that computes does not notice by itself that its postmaster is gone."""
    held = hold(data_dir)
    keep(held.owner_url)
    with computing(held.owner_url):
        os.kill(postmaster_pid(data_dir), signal.SIGKILL)
        eventually(lambda: kept(held.owner_url))


def test_after_the_supervisor_was_killed_ensure_brings_the_server_back(
    data_dir: Path, hold: Hold
) -> None:
    held = hold(data_dir)
    keep(held.owner_url)
    kill(supervisor_pid(data_dir))
    held.ensure()
    assert kept(held.owner_url)


@linux
def test_a_server_does_not_outlive_its_supervisor(data_dir: Path, hold: Hold) -> None:
    held = hold(data_dir)
    kill(supervisor_pid(data_dir))
    eventually(lambda: not (data_dir / "pg/data/postmaster.pid").exists())
    assert not answers(held.owner_url)


def test_after_both_were_killed_ensure_brings_the_server_back(data_dir: Path, hold: Hold) -> None:
    held = hold(data_dir)
    keep(held.owner_url)
    supervisor = supervisor_pid(data_dir)
    os.kill(supervisor, signal.SIGSTOP)  # so that it has no time to start another one
    os.kill(postmaster_pid(data_dir), signal.SIGKILL)
    kill(supervisor)
    held.ensure()
    assert kept(held.owner_url)


@linux
def test_the_next_server_waits_for_what_is_left_of_one_that_nobody_watched(
    data_dir: Path, hold: Hold
) -> None:
    """Nobody is there to end a busy backend; it ends by its timeout, and is not overtaken."""
    held = hold(data_dir)
    keep(held.owner_url)
    with computing(held.owner_url, timeout="3s"):
        supervisor = supervisor_pid(data_dir)
        os.kill(supervisor, signal.SIGSTOP)
        os.kill(postmaster_pid(data_dir), signal.SIGKILL)
        kill(supervisor)
        held.ensure()
    assert kept(held.owner_url)


def test_a_terminated_supervisor_stops_its_server_first(data_dir: Path, hold: Hold) -> None:
    held = hold(data_dir)
    os.kill(supervisor_pid(data_dir), signal.SIGTERM)
    eventually(lambda: is_over(data_dir))
    assert not (data_dir / "pg/data/postmaster.pid").exists()
    held.ensure()
    assert answers(held.app_url)


def test_a_pid_file_that_names_another_process_harms_neither(data_dir: Path, hold: Hold) -> None:
    """After a kill its pid may be anybody's, which in a container is likely."""
    owner = (data_dir / "pg").stat().st_uid  # PostgreSQL itself ignores pids of other users
    with subprocess.Popen(
        ["/bin/cat"], stdin=subprocess.PIPE, user=owner if os.geteuid() == 0 else None
    ) as other:
        stale = f"{other.pid}\n{data_dir}/pg/data\n1700000000\n5432\n\n\n\nready\n"
        (data_dir / "pg/data/postmaster.pid").write_text(stale)
        held = hold(data_dir)
        assert answers(held.app_url)
        assert other.poll() is None


def test_all_threads_of_a_holder_may_bring_the_server_back_at_once(
    data_dir: Path, hold: Hold
) -> None:
    held = hold(data_dir)
    before = supervisors(data_dir)
    kill(supervisor_pid(data_dir))
    threads = [threading.Thread(target=held.ensure) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers(held.app_url)
    assert supervisors(data_dir) == before + 1
