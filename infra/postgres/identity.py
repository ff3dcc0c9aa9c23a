"""Whom the server runs as: ourselves, or, because PostgreSQL refuses root, somebody root becomes.

Root's data directory, or its Python environment, may lie below a directory that only root may
enter. Nothing is ever opened up for that; the ways are tried in this order instead:

plain       become the other user, when every path can be reached by it
masked      the same in a mount namespace of its own, in which the closed directories show nothing
            but the way to ours; needs CAP_SYS_ADMIN, and leaves the server without privileges
searching   the same with CAP_DAC_READ_SEARCH, with which the server can read what root can
overriding  the same with CAP_DAC_OVERRIDE, which containers more often have; it can write, too
mapped      stay root on disk, but be another uid in a user namespace: for roots that can become
            nobody else, and only with a cluster made this way
"""

import errno
import os
import pwd
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from infra.postgres import kernel
from infra.postgres.binaries import Binaries
from infra.postgres.errors import DirectoryNotOurs, NoUnprivilegedUser
from infra.postgres.layout import Layout

# initdb wants a user with a name; the first is there with the system's PostgreSQL.
_NAMES: Final = ("postgres", "nobody", "daemon")


@dataclass(frozen=True)
class Identity:
    """`become` turns a forked child into `uid` and `gid`, which then own the files of pg/."""

    way: str
    uid: int
    gid: int
    become: Callable[[], None]


def choose(layout: Layout, binaries: Binaries) -> Identity:
    """Make pg/ if it is missing, and find a way to run `binaries` on it.

    Raises:
        DirectoryNotOurs: pg/ belongs to somebody this user cannot become.
        NoUnprivilegedUser: for root, every way failed.
    """
    layout.pg.mkdir(mode=0o700, exist_ok=True)
    if os.geteuid() != 0:
        return _ourselves(layout)
    attempts = []
    for identity in _ways(layout, binaries):
        failure = _try(identity, layout, binaries)
        if failure is None:
            return identity
        attempts.append(f"{identity.way} as uid {identity.uid}: {failure}")
    raise NoUnprivilegedUser(attempts)


def _ourselves(layout: Layout) -> Identity:
    owner = layout.pg.stat().st_uid
    if owner != os.geteuid():
        raise DirectoryNotOurs(
            str(layout.root), f"its server runs as uid {owner}. Run as that user or as root."
        )
    return Identity("self", owner, os.getegid(), lambda: None)


def _ways(layout: Layout, binaries: Binaries) -> Iterator[Identity]:
    uid, gid = _other(layout)
    if uid != 0:
        paths = (binaries.bin_dir, layout.pg)
        yield Identity("plain", uid, gid, partial(_drop, uid, gid))
        if kernel.LINUX:
            yield Identity("masked", uid, gid, partial(_mask, uid, gid, paths))
            for way, capability in (
                ("searching", kernel.CAP_DAC_READ_SEARCH),
                ("overriding", kernel.CAP_DAC_OVERRIDE),
            ):
                yield Identity(way, uid, gid, partial(_keep, uid, gid, capability))
    if kernel.LINUX and (uid == 0 or not layout.has_cluster()):
        yield Identity("mapped", 0, os.getegid(), partial(_map, *_named()))


def _other(layout: Layout) -> tuple[int, int]:
    """The owner of the cluster, or else of the data directory, or else a user made for such."""
    if layout.has_cluster():
        owner = layout.data.stat()
        return owner.st_uid, owner.st_gid
    owner = layout.root.stat()
    if owner.st_uid != 0 and any(user.pw_uid == owner.st_uid for user in pwd.getpwall()):
        return owner.st_uid, owner.st_gid
    return _named()


def _named() -> tuple[int, int]:
    users = {user.pw_name: user for user in pwd.getpwall() if user.pw_uid != 0}
    for name in _NAMES:
        if name in users:
            return users[name].pw_uid, users[name].pw_gid
    raise NoUnprivilegedUser([f"there is no user called any of {', '.join(_NAMES)}"])


def _try(identity: Identity, layout: Layout, binaries: Binaries) -> str | None:
    """Why `identity` will not do; None when it will."""
    try:
        if not layout.has_cluster():
            os.chown(layout.pg, identity.uid, identity.gid)
        child = start(
            identity, [binaries.postgres, "--version"], cwd=layout.pg, dies_by=0, quiet=True
        )
    except OSError as error:
        return str(error)
    said, _ = child.communicate()
    return None if child.returncode == 0 else said.decode(errors="replace").strip()


def start(
    identity: Identity,
    argv: list[str],
    *,
    cwd: Path,
    dies_by: int,
    quiet: bool = False,
    pass_fds: tuple[int, ...] = (),
) -> subprocess.Popen[bytes]:
    """Run `argv` as `identity` in `cwd`; the kernel sends it signal `dies_by` when we end.

    `quiet` gives it a pipe each for input and for all output; otherwise it shares our output.
    """
    parent = os.getpid()

    def become() -> None:
        try:
            identity.become()
            os.chdir(cwd)
            if not os.access(argv[0], os.R_OK | os.X_OK):  # initdb wants both of postgres
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), argv[0])
            kernel.forgo_new_privileges()
            kernel.die_with_parent(dies_by, parent=parent)
        except OSError as error:
            os.write(2, f"{error}\n".encode())
            os._exit(126)

    return subprocess.Popen(
        argv,
        stdin=subprocess.PIPE if quiet else subprocess.DEVNULL,
        stdout=subprocess.PIPE if quiet else None,
        stderr=subprocess.STDOUT if quiet else None,
        env={"LC_ALL": "C", "TZ": "UTC", "PATH": os.defpath},
        pass_fds=pass_fds,
        preexec_fn=become,  # noqa: PLW1509  the supervisor has one thread
    )


def _drop(uid: int, gid: int) -> None:
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)


def _keep(uid: int, gid: int, capability: int) -> None:
    kernel.keep_capabilities()
    _drop(uid, gid)
    kernel.retain_only(capability)


def _map(inner_uid: int, inner_gid: int) -> None:
    uid, gid = os.geteuid(), os.getegid()
    kernel.unshare(kernel.CLONE_NEWUSER)
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{inner_uid} {uid} 1")
    Path("/proc/self/gid_map").write_text(f"{inner_gid} {gid} 1")


def _mask(uid: int, gid: int, paths: tuple[Path, ...]) -> None:
    kernel.unshare(kernel.CLONE_NEWNS)
    kernel.keep_mounts_to_ourselves()
    os.umask(0o022)
    while closed := _closed(paths, uid, gid):
        _narrow(closed, paths)
    _drop(uid, gid)


def _closed(paths: tuple[Path, ...], uid: int, gid: int) -> Path | None:
    """The first directory on the way to any of `paths` that the user may not enter."""
    for path in paths:
        for above in reversed(path.parents):
            found = above.stat()
            bit = 0o100 if found.st_uid == uid else 0o010 if found.st_gid == gid else 0o001
            if not found.st_mode & bit:
                return above
    return None


def _narrow(closed: Path, paths: tuple[Path, ...]) -> None:
    """Let `closed` show only those of its entries that lead to `paths`, and let anyone in."""
    names = {path.relative_to(closed).parts[0] for path in paths if closed in path.parents}
    entries = {
        name: os.open(closed / name, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC) for name in names
    }
    kernel.mount_empty(closed)
    for name, fd in entries.items():
        (closed / name).mkdir()
        kernel.bind(fd, closed / name)
        os.close(fd)
