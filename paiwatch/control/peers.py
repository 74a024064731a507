"""Who is at the other end of the control socket. The kernel says it, never the client.

The login is read from /proc, where a number of a process is all there is: a descriptor of the process (pidfd) proves that the number still meant
the same process when it was read.
"""

import asyncio
import errno
import os
import pwd
import select
import socket
import struct
from asyncio.trsock import TransportSocket
from pathlib import Path

from paiwatch.domain.principal import UNKNOWN, Principal

CONTROL_SOCKET = "control socket"
COMMAND_LINE = "command line"

_SO_PEERPIDFD = 77  # Linux 6.5; the socket module has no name for it yet
_CREDENTIALS = struct.Struct("iII")  # struct ucred: pid, uid, gid
_NO_LOGIN = 2**32 - 1  # (uid_t) -1: nobody logged in for this process
_PATIENCE = 2.0  # seconds that the name of a user may take; a directory server may be asked for it


class Names:
    """The names of users, looked up off the loop and by one thread for each user at most: a directory server that hangs must not take them all."""

    def __init__(self) -> None:
        self._asked: dict[int, asyncio.Future[str]] = {}

    async def of(self, uid: int) -> str:
        """The name of this user; empty when it has none, or when nobody says it in good time."""
        if (asked := self._asked.get(uid)) is None:
            asked = self._asked[uid] = asyncio.get_running_loop().run_in_executor(None, _look_up, uid)
            asked.add_done_callback(lambda _: self._asked.pop(uid, None))
        done, _ = await asyncio.wait({asked}, timeout=_PATIENCE)
        return asked.result() if done else ""


def _look_up(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except (KeyError, OverflowError):
        return ""


async def principal_of(connection: socket.socket | TransportSocket, names: Names) -> Principal:
    """Who is at the other end of this connected Unix socket, as of when it connected. Raises OSError for a socket that is none."""
    pid, uid, _ = _CREDENTIALS.unpack(
        connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    )
    return await _named(uid, _login_of(connection, pid), CONTROL_SOCKET, names)


async def local_principal() -> Principal:
    """Who runs this very process."""
    return await _named(os.geteuid(), read_login("self"), COMMAND_LINE, Names())


def read_login(pid: int | str) -> int | None:
    """The uid that logged in before it became this process; None where nobody did, or nobody may know."""
    try:
        login = int(Path(f"/proc/{pid}/loginuid").read_text(encoding="ascii"))
    except (OSError, ValueError):  # it is gone, hidden, or the kernel keeps no logins
        return None
    return None if login == _NO_LOGIN else login


def _login_of(connection: socket.socket | TransportSocket, pid: int) -> int | None:
    """The login of the process that connected; None when it has ended by now, lest another process has its number."""
    try:
        process = _descriptor_of(connection, pid)
    except OSError:
        return None
    try:
        login = read_login(pid)
        return None if _has_ended(process) else login
    finally:
        os.close(process)


def _descriptor_of(connection: socket.socket | TransportSocket, pid: int) -> int:
    """A descriptor of the process that connected. Raises OSError when it is gone.

    Before Linux 6.5 only its number is known: one that ended and left that number to another process before this call is taken for that one.
    """
    try:
        return connection.getsockopt(socket.SOL_SOCKET, _SO_PEERPIDFD)
    except OSError as fault:
        if fault.errno != errno.ENOPROTOOPT:
            raise
    return os.pidfd_open(pid)


def _has_ended(process: int) -> bool:
    poll = select.poll()
    poll.register(process, select.POLLIN)  # readable once it has ended
    return bool(poll.poll(0))


async def _named(uid: int, login: int | None, door: str, names: Names) -> Principal:
    user = await names.of(uid)
    if login is None:
        return Principal(uid=uid, user=user, login=UNKNOWN, door=door)
    logged_in = user if login == uid else await names.of(login)
    return Principal(uid=uid, user=user, login=logged_in or f"uid {login}", door=door)
