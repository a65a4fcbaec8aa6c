"""Makes the measuring process harmless before it opens a model file, which nobody vouches for and a runtime trusts.

Where the board allows it has no network: a network namespace of its own, without even a loopback device, which only a
user namespace gives to somebody who is not root. It gains no rights by running programs, leaves no core behind, and
the kernel takes it before its agent. What costs time at each inference is left alone.

Invariants: `isolate` is called once, before the process has threads; the parent-death signal is asked for after it,
because a change of credentials may clear that.
"""

import contextlib
import ctypes
import enum
import errno
import os
import resource
import sys
from collections.abc import Sequence
from pathlib import Path

from agent.errors import RunFault

CLONE_NEWUSER = 0x10000000
CLONE_NEWNET = 0x40000000
MOST_FILES = 1024
MOST_PROCESSES = 4096
PRIVATE_UMASK = 0o077
_PR_SET_NO_NEW_PRIVS = 38
_CAPABILITY_VERSION = 0x20080522
_OOM_SCORE = "800"
_REFUSED = (errno.EPERM, errno.EACCES, errno.EINVAL, errno.ENOSYS, errno.ENOSPC, errno.EUSERS)


class Network(enum.Enum):
    """What a measuring process can reach: nothing, or what the board can."""

    NONE = "none"
    HOST = "host"


def network_here(needed: Sequence[Path] = ()) -> Network:
    """What a measuring process of this board will reach, that must still read `needed`; tried in a short-lived process.

    In a user namespace root is nobody to files of other users: then the network stays.
    """
    if sys.platform != "linux":
        return Network.HOST
    pid = os.fork()
    if pid == 0:
        code = 1
        with contextlib.suppress(BaseException):
            code = 0 if _leave_network() and all(os.access(path, os.R_OK) for path in needed) else 1
        os._exit(code)
    _, status = os.waitpid(pid, 0)
    return Network.NONE if status == 0 else Network.HOST


def isolate(network: Network) -> None:
    """Give up what measuring does not need; raises `RunFault` where the network, tried before, cannot be left now."""
    os.umask(PRIVATE_UMASK)
    _offer_to_oom_killer()
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_NOFILE, MOST_FILES)
    if network is Network.NONE:
        if not _leave_network():
            raise RunFault("isolation_failed", "the board refuses a network namespace that it gave a moment ago")
        _limit(resource.RLIMIT_NPROC, MOST_PROCESSES)  # counted within the new user namespace alone
    if sys.platform == "linux":
        _libc().prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)


def limit_memory(most_bytes: int) -> None:
    """Let this process have no more memory of its own: what asks for more fails, and the machine goes on (Linux)."""
    _limit(resource.RLIMIT_DATA, most_bytes)


def _leave_network() -> bool:
    """Enter namespaces of our own as the same user and group, keep none of the rights that come with them, and make no
    further ones; False where the system refuses."""
    user, group = os.geteuid(), os.getegid()
    libc = _libc()
    if libc.unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0:
        if (number := ctypes.get_errno()) not in _REFUSED:
            raise OSError(number, os.strerror(number))
        return False
    for name, text in (("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1")):
        try:
            Path("/proc/self", name).write_text(text)
        except OSError:
            return False  # without a map its files would belong to nobody
    for name in ("max_user_namespaces", "max_net_namespaces"):
        with contextlib.suppress(OSError):
            Path("/proc/sys/user", name).write_text("0")
    header, nothing = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION, 0), (ctypes.c_uint32 * 6)()
    return bool(libc.capset(header, nothing) == 0)


def _limit(kind: int, most: int) -> None:
    _, hard = resource.getrlimit(kind)
    lower = most if hard == resource.RLIM_INFINITY else min(most, hard)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(kind, (lower, lower))


def _offer_to_oom_killer() -> None:
    score = Path("/proc/self/oom_score_adj")
    if score.exists():
        score.write_text(_OOM_SCORE)


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)
