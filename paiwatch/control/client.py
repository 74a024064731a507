"""The client of the control socket, for commands: one JSON line each way, and news in between. Blocks; no event loop is loaded for it."""

import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from paiwatch.errors import BusyError

#: What is told to whoever waits for an answer when the daemon ends.
GONE = (
    "the daemon ended before it answered, so this may have begun and is not repeated: `paiwatch status` and "
    "`paiwatch history` show where things stand; ask again for what is missing"
)

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

    The last reply has "ok", also where the daemon dies: then nobody knows whether it began, so that it must not be done again unasked.
    `timeout` (seconds) bounds the silence between two replies. Raises BusyError when the daemon does not answer.
    """
    try:
        with short_path(state) as path, socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(timeout)
            connection.connect(path)
            yield from _talk(connection, request)
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


def _talk(connection: socket.socket, request: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """All replies. Half a line is none, nor is what is no JSON: the daemon died while it wrote."""
    with suppress(ConnectionError, ValueError, RecursionError), connection.makefile("rb") as lines:
        connection.sendall(json.dumps(request).encode() + b"\n")
        for line in lines:
            if not line.endswith(b"\n"):
                break
            reply = json.loads(line)
            yield reply
            if "ok" in reply:
                return
    yield {"ok": False, "error": GONE}


def ask(state: Path, request: dict[str, Any], *, timeout: float = 5.0) -> dict[str, Any] | None:
    """The last reply to a request, None when no daemon runs on this state folder."""
    last = None
    for reply in converse(state, request, timeout=timeout):
        last = reply
    return last
