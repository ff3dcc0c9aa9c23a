"""The calls of the Linux kernel that Python 3.11 has no function for; elsewhere they do nothing.

Numbers are from the kernel's uapi headers (prctl.h, securebits.h, capability.h, sched.h and
mount.h), which never change.
"""

import ctypes
import os
import signal
import sys
from pathlib import Path

LINUX = sys.platform == "linux"

CAP_DAC_OVERRIDE = 1
CAP_DAC_READ_SEARCH = 2

CLONE_NEWNS = 0x00020000
CLONE_NEWUSER = 0x10000000

_PR_SET_PDEATHSIG = 1
_PR_SET_SECUREBITS, _SECBIT_NO_SETUID_FIXUP = 28, 1 << 2
_PR_SET_CHILD_SUBREAPER = 36
_PR_SET_NO_NEW_PRIVS = 38
_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE = 47, 2
_CAPABILITY_VERSION_3 = 0x20080522

_MS_BIND, _MS_REC, _MS_SLAVE = 0x1000, 0x4000, 0x80000

_libc = ctypes.CDLL(None, use_errno=True)


class _CapHeader(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _CapData(ctypes.Structure):
    _fields_ = (
        ("effective", ctypes.c_uint32),
        ("permitted", ctypes.c_uint32),
        ("inheritable", ctypes.c_uint32),
    )


def _call(name: str, *arguments: object) -> None:
    if getattr(_libc, name)(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")


def _prctl(option: int, *values: int) -> None:
    rest = (*values, 0, 0, 0, 0)[:4]
    _call("prctl", option, *(ctypes.c_ulong(value) for value in rest))


def die_with_parent(how: int, *, parent: int) -> None:
    """Receive `how` when `parent` ends; to be called last, as a change of identity undoes it."""
    if not LINUX:
        return
    _prctl(_PR_SET_PDEATHSIG, how)
    if os.getppid() != parent:  # it ended before the kernel knew
        os.kill(os.getpid(), signal.SIGKILL)


def adopt_orphans() -> None:
    """Become the parent of grandchildren whose own parent ends."""
    if LINUX:
        _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def forgo_new_privileges() -> None:
    """From now on no set-uid program gives this process more rights than it has."""
    if LINUX:
        _prctl(_PR_SET_NO_NEW_PRIVS, 1)


def keep_capabilities() -> None:
    """Let capabilities survive setuid, and count in access(2), with which initdb asks for files.

    Needs CAP_SETPCAP.
    """
    _prctl(_PR_SET_SECUREBITS, _SECBIT_NO_SETUID_FIXUP)


def retain_only(capability: int) -> None:
    """Drop every capability but this one, and let it survive exec."""
    bit = 1 << capability
    data = (_CapData * 2)(_CapData(bit, bit, bit), _CapData(0, 0, 0))
    _call("capset", ctypes.byref(_CapHeader(_CAPABILITY_VERSION_3, 0)), ctypes.byref(data))
    _prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, capability)


def unshare(flags: int) -> None:
    """Leave the namespaces named by `flags` for new ones."""
    _call("unshare", flags)


def keep_mounts_to_ourselves() -> None:
    """No mount made here is seen outside this mount namespace; what is unmounted there, is here."""
    _call("mount", b"none", b"/", None, ctypes.c_ulong(_MS_REC | _MS_SLAVE), None)


def mount_empty(on: Path) -> None:
    """Cover `on` with an empty directory that everyone may enter."""
    _call("mount", b"tmpfs", os.fsencode(on), b"tmpfs", ctypes.c_ulong(0), b"mode=0755,size=64k")


def bind(fd: int, on: Path) -> None:
    """Show the directory open at `fd` at `on` as well."""
    source = f"/proc/self/fd/{fd}".encode()
    _call("mount", source, os.fsencode(on), None, ctypes.c_ulong(_MS_BIND | _MS_REC), None)
