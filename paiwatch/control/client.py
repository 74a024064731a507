"""The client of the control socket, for commands: one JSON line each way, and news in between. Blocks; no event loop is loaded for it."""

import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from paiwatch.errors import BusyError

#: The socket's name in the state folder.
SOCKET = "control.sock"


@contextmanager
def short_path(state: Path) -> Iterator[str]:
    """Yield a name for the socket that fits the 107 bytes of sun_path, however deep the state folder lies."""
    folder = os.open(state, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{SOCKET}"
    finally:
        os.close(folder)


def converse(state: Path, request: dict[str, Any], *, timeout: float | None) -> Iterator[dict[str, Any]]:
    """Send one request to the daemon on this state folder and yield its replies; yields nothing when there is no daemon.

    `timeout` (seconds) bounds the silence between two replies. Raises BusyError when the daemon does not answer.
    """
    try:
        with short_path(state) as path, socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(timeout)
            connection.connect(path)
            connection.sendall(json.dumps(request).encode() + b"\n")
            with connection.makefile("rb") as lines:
                for line in lines:
                    yield json.loads(line)
    except (FileNotFoundError, ConnectionRefusedError, NotADirectoryError):
        return
    except TimeoutError as fault:
        raise BusyError(
            f"the daemon on {state} does not answer; is it stopped (SIGSTOP) or out of CPU?"
        ) from fault
    except PermissionError as fault:
        raise BusyError(
            f"{state / SOCKET}: permission denied; run this as the daemon's user or root"
        ) from fault


def ask(state: Path, request: dict[str, Any], *, timeout: float = 5.0) -> dict[str, Any] | None:
    """The last reply to a request, None when no daemon runs on this state folder."""
    last = None
    for reply in converse(state, request, timeout=timeout):
        last = reply
    return last
