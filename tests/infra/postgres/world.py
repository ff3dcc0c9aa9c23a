"""What the tests see of the world: holders in processes of their own, and pids to end."""

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import psycopg

from infra.postgres import kernel, processes

ROOT = Path(__file__).resolve().parents[3]
PATIENCE = 60.0  # seconds; a deadline for a machine that is busy, and no claim about speed

HOLD = """
import signal, sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from infra.postgres import EmbeddedPostgres, PostgresUnavailable
try:
    held = EmbeddedPostgres.hold(Path(sys.argv[2]), bin_dir=Path(sys.argv[3]))
except PostgresUnavailable as error:
    sys.exit(f"{type(error).__name__}: {error}")
signal.signal(signal.SIGINT, lambda *_: print("interrupted", flush=True))
print(held.owner_url, flush=True)
sys.stdin.readline()
"""


class Holder:
    """A process that runs `HOLD`, or a program like it."""

    def __init__(self, words: list[str]) -> None:
        self.process = subprocess.Popen(
            words,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd="/",
            start_new_session=True,
        )

    def says(self) -> str:
        """The next line it prints: after holding, the owner's URL."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline().strip()
        assert line, self.complains()
        return line

    def complains(self) -> str:
        """What it prints as it fails."""
        assert self.process.stderr is not None
        return self.process.stderr.read()

    def tell(self, word: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{word}\n")
        self.process.stdin.flush()

    def interrupt(self) -> None:
        """What Ctrl-C in its terminal does: to every process of its group."""
        os.killpg(self.process.pid, signal.SIGINT)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def close(self) -> None:
        self.process.kill()
        self.process.communicate()


def copy(data_dir: Path, to: Path) -> Path:
    """A copy with the same owners, which shutil does not keep."""
    subprocess.run(["/bin/cp", "-a", data_dir, to], check=True)
    return to


def eventually(holds: Callable[[], bool]) -> None:
    """Wait until `holds`; fail when it does not in good time."""
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline, f"{holds} did not come true"
        time.sleep(0.02)


def answers(url: str) -> bool:
    try:
        psycopg.connect(url).close()
    except psycopg.OperationalError:
        return False
    return True


def value(url: str, query: str) -> object:
    """The first column of the first row."""
    with psycopg.connect(url) as connection:
        row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return row[0]


def run_sql(url: str, statement: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute(statement.encode())


def setting(url: str, name: str) -> object:
    return value(url, f"SELECT current_setting('{name}')")


def postmaster_pid(data_dir: Path) -> int:
    """Read from the server's pid file, and verified to be a server of this directory."""
    pid = int((data_dir / "pg/data/postmaster.pid").read_text().split("\n", 1)[0])
    assert str(data_dir / "pg/data") in processes.command_line(pid)
    return pid


def supervisor_pid(data_dir: Path) -> int:
    """The last one in the log, verified to be a supervisor of this directory."""
    lines = (data_dir / "supervisor.log").read_text().splitlines()
    pid = int(next(line.split()[2] for line in reversed(lines) if line.endswith(" begins")))
    assert str(data_dir) in processes.command_line(pid)
    return pid


def kill(pid: int) -> None:
    """End `pid` without warning, and wait until its locks and sockets are gone, too."""
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: is_dead(pid))


def is_dead(pid: int) -> bool:
    """Whether nothing but its exit status is left."""
    try:
        os.kill(pid, 0)
        state = Path(f"/proc/{pid}/stat").read_text() if kernel.LINUX else ""
    except (ProcessLookupError, FileNotFoundError):
        return True
    return state.rpartition(") ")[2].startswith(("Z", "X"))


def is_over(data_dir: Path) -> bool:
    """Whether no process is left that would keep the directory from being removed."""
    try:
        return not processes.command_line(supervisor_pid(data_dir))
    except (AssertionError, FileNotFoundError, StopIteration):
        return not (data_dir / "pg/data/postmaster.pid").exists()
