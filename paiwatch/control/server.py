"""The control socket: commands reach a running daemon as one JSON line each way, and news in between.

`<state>/control.sock`, 0600: who may read the state folder may command. Knows transport only, no verb.
"""

import asyncio
import json
import os
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, suppress
from pathlib import Path
from typing import Any

from paiwatch import disk
from paiwatch.control.client import GONE, SOCKET, short_path
from paiwatch.control.peers import Names, principal_of
from paiwatch.domain.principal import Principal
from paiwatch.errors import BusyError, StoreError

_LINE_LIMIT = 8 * 1024 * 1024
_REQUEST_WITHIN = 10.0  # seconds from the connection to the end of its one line
_LAST_WORDS = 1.0  # seconds that a client has to take what it is told at the end
_PATIENCE = 5.0  # seconds that all answers together have to clear up at the end

_NOT_BEGUN = "the daemon ended before it had read what you ask, so nothing was done"

#: Answers one request of somebody with any number of replies; the last one has "ok".
Answer = Callable[[dict[str, Any], Principal], AsyncGenerator[dict[str, Any], None]]


class ControlServer:
    """Listens while the daemon runs. One request per connection; a slow or vanished client harms nobody.

    It owns the task of each connection: none outlives `stop`.
    """

    def __init__(self, state: Path, answer: Answer) -> None:
        self._state = state
        self._answer = answer
        self._server: asyncio.Server | None = None
        self._names = Names()
        self._open: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Bind the socket; the state lock is held, so whatever lies there is a leftover."""
        before = os.umask(0o177)
        try:
            (self._state / SOCKET).unlink(missing_ok=True)
            with short_path(self._state) as path:
                self._server = await asyncio.start_unix_server(self._welcome, path=path, limit=_LINE_LIMIT)
        except OSError as fault:
            raise StoreError(f"{self._state / SOCKET}: cannot listen: {disk.explain(fault)}") from fault
        finally:
            os.umask(before)

    async def stop(self) -> None:
        """Close the door, remove the socket, and end every connection: who still waits for an answer is told so. Takes seconds at most."""
        if self._server is not None:
            self._server.close()
            self._server = None
        with suppress(OSError):  # the next daemon replaces it, and nobody listens there until then
            (self._state / SOCKET).unlink(missing_ok=True)
        await asyncio.sleep(0)  # a task that is cancelled before it began would say nothing
        for task in self._open:
            task.cancel()
        if self._open:
            await asyncio.wait(self._open, timeout=_PATIENCE)

    def _welcome(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._server is None:  # it came through the door while that was closed
            writer.transport.abort()
            return
        task = asyncio.create_task(self._serve(reader, writer), name="control connection")
        self._open.add(task)
        task.add_done_callback(self._open.discard)
        task.add_done_callback(lambda _: writer.transport.abort())

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection from its request to its end. Cancelled by `stop` alone."""
        last_words = _NOT_BEGUN
        try:
            request = await _read(reader)
            principal = await principal_of(writer.get_extra_info("socket"), self._names)
            last_words = GONE
            async with aclosing(self._answer(request, principal)) as replies:
                async for reply in replies:
                    writer.write(_line(reply))
                    last_words = "" if "ok" in reply else GONE
                    await writer.drain()
            await _hang_up(writer)
        except _RequestError as fault:
            writer.write(_line({"ok": False, "bad_input": True, "error": str(fault)}))
            await _hang_up(writer)
        except asyncio.CancelledError:
            if last_words:
                writer.write(_line({"ok": False, "error": last_words}))
            await _hang_up(writer)
        except ConnectionError:
            pass  # the client went away: nobody is left to be told


class _RequestError(Exception):
    """What came is not one JSON object in one line."""


async def _read(reader: asyncio.StreamReader) -> dict[str, Any]:
    try:
        async with asyncio.timeout(_REQUEST_WITHIN):
            request = json.loads(await reader.readline())
    except TimeoutError:
        raise _RequestError(f"no request came within {_REQUEST_WITHIN:.0f} s") from None
    except (ValueError, RecursionError):
        raise _RequestError("not one line of JSON") from None
    if not isinstance(request, dict):
        raise _RequestError('a request is a mapping with a "verb"')
    return request


def _line(reply: dict[str, Any]) -> bytes:
    return json.dumps(reply).encode() + b"\n"


async def _hang_up(writer: asyncio.StreamWriter) -> None:
    """Let the client take what it was told, for a moment, and close. Who does not read by then goes without."""
    writer.close()
    with suppress(ConnectionError, TimeoutError):
        async with asyncio.timeout(_LAST_WORDS):
            await writer.wait_closed()


async def follow(state: Path, request: dict[str, Any]) -> AsyncIterator[dict[str, Any]]:
    """Like `converse`, for those who live on an event loop and listen for long. Raises BusyError without a daemon."""
    try:
        with short_path(state) as path:
            reader, writer = await asyncio.open_unix_connection(path, limit=_LINE_LIMIT)
    except OSError as fault:
        raise BusyError(f"no daemon listens on {state / SOCKET}: {fault.strerror}") from fault
    try:
        writer.write(json.dumps(request).encode() + b"\n")
        async for line in reader:
            reply = json.loads(line)
            yield reply
            if "ok" in reply:
                return
    finally:
        writer.close()
