"""Makes the cluster: everything in a directory beside it, then one rename.

So a cluster that exists has its database, its roles and its passwords, and needs no second step
that a kill could leave out.
"""

import os
import secrets
import shutil
import signal

from infra.postgres import credentials as passwords
from infra.postgres import identity as run
from infra.postgres.address import APP_ROLE, DATABASE, OWNER_ROLE
from infra.postgres.binaries import Binaries
from infra.postgres.credentials import Credentials
from infra.postgres.errors import DirectoryNotOurs, InitFailed, OtherMajorVersion
from infra.postgres.identity import Identity
from infra.postgres.layout import Layout
from infra.postgres.locks import open_private, write_whole

# Order of text is by bytes on every version and system, so an index never goes stale with libc.
_INITDB = (
    f"--username={OWNER_ROLE}",
    "--auth-local=scram-sha-256",
    "--auth-host=scram-sha-256",
    "--encoding=UTF8",
    "--locale=C",
    "--data-checksums",
    "--no-instructions",
)


def check_version(layout: Layout, binaries: Binaries) -> None:
    """Refuse a cluster that `binaries` cannot open.

    Raises:
        OtherMajorVersion: it was made by another major version.
        DirectoryNotOurs: something that is no cluster lies where the cluster would.
    """
    if not layout.has_cluster():
        if layout.data.exists():
            raise DirectoryNotOurs(str(layout.root), f"{layout.data} is not a whole cluster.")
        return
    found = (layout.data / "PG_VERSION").read_text().strip()
    if found != str(binaries.major):
        raise OtherMajorVersion(str(layout.root), found, binaries.major, str(binaries.bin_dir))


def make(layout: Layout, binaries: Binaries, identity: Identity) -> None:
    """Bring the cluster into being, if it is not there, with passwords that are on disk.

    Raises:
        InitFailed: with what the failing step said.
    """
    for leftover in layout.pg.glob("new-*"):
        shutil.rmtree(leftover, ignore_errors=True)
    known = passwords.read(layout)
    if layout.has_cluster() and known is None:
        known = Credentials()
        _run_sql(layout, binaries, identity, data=str(layout.data), sql=_new_passwords(known))
        passwords.write(layout, known)
    if layout.has_cluster():
        return
    if known is None:
        known = Credentials()
        passwords.write(layout, known)
    _make(layout, binaries, identity, known)


def _make(layout: Layout, binaries: Binaries, identity: Identity, known: Credentials) -> None:
    new = layout.pg / f"new-{secrets.token_hex(4)}"
    new.mkdir(mode=0o700)
    os.chown(new, identity.uid, identity.gid)
    password_file = new / "password"
    fd = open_private(password_file, os.O_WRONLY)
    write_whole(fd, known.owner.encode())
    os.close(fd)
    data = new / "data"
    argv = [binaries.initdb, *_INITDB, f"--pwfile={password_file}", f"--pgdata={data}"]
    try:
        _run(layout, identity, argv, step="initdb")
        _run_sql(layout, binaries, identity, data=str(data), sql=_first_statements(known))
        data.rename(layout.data)
        _sync(layout)
    finally:
        shutil.rmtree(new, ignore_errors=True)


def _run_sql(
    layout: Layout, binaries: Binaries, identity: Identity, *, data: str, sql: list[str]
) -> None:
    """Run statements, one a line, in the server's single-user mode: no socket, no password."""
    argv = [binaries.postgres, "--single", "-D", data]
    # The first error is the end; no statement goes to a log, as it may hold a password.
    argv += ["-c", "exit_on_error=on", "-c", "log_min_error_statement=panic", "template1"]
    _run(layout, identity, argv, step="preparing the database", stdin="\n".join(sql) + "\n")


def _run(
    layout: Layout, identity: Identity, argv: list[str], *, step: str, stdin: str = ""
) -> None:
    child = run.start(identity, argv, cwd=layout.pg, dies_by=signal.SIGKILL, quiet=True)
    said, _ = child.communicate(stdin.encode())
    if child.returncode != 0:
        raise InitFailed(step, said.decode(errors="replace").strip()[-2000:])


def _first_statements(known: Credentials) -> list[str]:
    return [
        f"CREATE ROLE {APP_ROLE} LOGIN PASSWORD '{known.app}'",
        # A new database inherits the rights on its schemas from template1.
        "REVOKE ALL ON SCHEMA public FROM PUBLIC",
        f"CREATE DATABASE {DATABASE}",
        f"REVOKE ALL ON DATABASE {DATABASE}, postgres, template1 FROM PUBLIC",
        f"GRANT CONNECT ON DATABASE {DATABASE} TO {APP_ROLE}",
    ]


def _new_passwords(known: Credentials) -> list[str]:
    return [
        f"ALTER ROLE {OWNER_ROLE} PASSWORD '{known.owner}'",
        f"ALTER ROLE {APP_ROLE} PASSWORD '{known.app}'",
    ]


def _sync(layout: Layout) -> None:
    fd = os.open(layout.pg, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
