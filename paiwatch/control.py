"""The control socket: commands reach a running daemon as one JSON line each way, and news in between.

`<state>/control.sock`, 0600: who may read the state folder may command. Knows transport only, no verb.
"""

import asyncio
import json
import os
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from paiwatch.errors import BusyError, StoreError

SOCKET = "control.sock"
_LINE_LIMIT = 8 * 1024 * 1024

#: Answers one request with any number of replies; the last one has "ok".
Answer = Callable[[dict[str, Any]], AsyncIterator[dict[str, Any]]]


@contextmanager
def _short_path(state: Path) -> Iterator[str]:
    """Yield a name for the socket that fits the 107 bytes of sun_path, however deep the state folder lies."""
    folder = os.open(state, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{SOCKET}"
    finally:
        os.close(folder)


class ControlServer:
    """Listens while the daemon runs. One request per connection; a slow or vanished client harms nobody."""

    def __init__(self, state: Path, answer: Answer) -> None:
        self._state = state
        self._answer = answer
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Bind the socket; the state lock is held, so whatever lies there is a leftover."""
        (self._state / SOCKET).unlink(missing_ok=True)
        before = os.umask(0o177)
        try:
            with _short_path(self._state) as path:
                self._server = await asyncio.start_unix_server(self._serve, path=path, limit=_LINE_LIMIT)
        except OSError as fault:
            raise StoreError(f"{self._state / SOCKET}: cannot listen: {fault.strerror}") from fault
        finally:
            os.umask(before)

    async def stop(self) -> None:
        """Close the door and remove the socket."""
        if self._server is not None:
            self._server.close()
            self._server = None
        (self._state / SOCKET).unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, TimeoutError):
            try:
                request = json.loads(await asyncio.wait_for(reader.readline(), 10))
                async for reply in self._answer(request):
                    writer.write(json.dumps(reply).encode() + b"\n")
                    await writer.drain()
            except ValueError:
                writer.write(b'{"ok": false, "error": "not one line of JSON"}\n')
            finally:
                writer.close()


def converse(state: Path, request: dict[str, Any], *, timeout: float | None) -> Iterator[dict[str, Any]]:
    """Send one request to the daemon on this state folder and yield its replies; yields nothing when there is no daemon.

    `timeout` (seconds) bounds the silence between two replies. Raises BusyError when the daemon does not answer.
    """
    try:
        with _short_path(state) as path, socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
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


async def follow(state: Path, request: dict[str, Any]) -> AsyncIterator[dict[str, Any]]:
    """Like `converse`, for those who live on an event loop and listen for long. Raises BusyError without a daemon."""
    try:
        with _short_path(state) as path:
            reader, writer = await asyncio.open_unix_connection(path, limit=_LINE_LIMIT)
    except OSError as fault:
        raise BusyError(f"no daemon listens on {state / SOCKET}: {fault.strerror}") from fault
    try:
        writer.write(json.dumps(request).encode() + b"\n")
        async for line in reader:
            yield json.loads(line)
    finally:
        writer.close()
