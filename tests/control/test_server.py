"""The control server's connections: each has an owner, which ends them all."""

import asyncio
import json
import socket
from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import Any

import pytest

from paiwatch.control.client import converse, short_path
from paiwatch.control.server import ControlServer
from paiwatch.domain.principal import Principal


class Answers:
    """Answers that say something and then go on for ever, and remember how they came to their end."""

    def __init__(self, first: dict[str, Any]) -> None:
        self.first = first
        self.begun = asyncio.Semaphore(0)
        self.ended = 0

    async def __call__(self, request: dict[str, Any], _: Principal) -> AsyncGenerator[dict[str, Any], None]:
        try:
            if request["verb"] == "follow":
                yield self.first
            self.begun.release()
            while True:
                await asyncio.sleep(0 if request["verb"] == "flood" else 3600)
                yield self.first
        finally:
            self.ended += 1


def ask(state: Path, verb: str) -> list[dict[str, Any]]:
    return list(converse(state, {"verb": verb}, timeout=30))


async def stopped(server: ControlServer) -> None:
    """Stop in good time, and leave nothing behind but those who asked."""
    async with asyncio.timeout(20):
        await server.stop()


def others() -> set[str]:
    return {task.get_name() for task in asyncio.all_tasks() - {asyncio.current_task()}}


async def until(is_so: Callable[[], bool]) -> None:
    """Let the loop go round until this is so."""
    async with asyncio.timeout(20):
        while not is_so():  # noqa: ASYNC110 (what the server does inside raises no event)
            await asyncio.sleep(0)


async def test_stopping_ends_every_connection_with_a_last_word_and_leaves_no_task(tmp_path: Path) -> None:
    answers = Answers({"news": "following"})
    server = ControlServer(tmp_path, answers)
    before = others()
    await server.start()
    clients = [
        asyncio.get_running_loop().run_in_executor(None, ask, tmp_path, verb) for verb in ("follow", "wait")
    ]
    for _ in clients:
        await answers.begun.acquire()

    await stopped(server)

    assert others() == before
    assert answers.ended == 2
    following, waiting = await asyncio.gather(*clients)
    assert following[:-1] == [{"news": "following"}]
    assert waiting[:-1] == []
    for last in (following[-1], waiting[-1]):
        assert last["ok"] is False
        assert "may have begun" in last["error"]
    assert not (tmp_path / "control.sock").exists()


async def test_who_has_asked_nothing_yet_is_told_that_nothing_was_done(tmp_path: Path) -> None:
    server = ControlServer(tmp_path, Answers({}))
    before = others()
    await server.start()
    with short_path(tmp_path) as path:
        reader, writer = await asyncio.open_unix_connection(path)
    writer.write(b'{"verb": "sl')
    await writer.drain()
    await until(lambda: "control connection" in others())

    await stopped(server)

    assert others() == before
    reply = json.loads(await reader.readline())
    assert reply["ok"] is False
    assert "nothing was done" in reply["error"]
    assert await reader.read() == b""
    writer.close()


async def test_who_does_not_read_holds_nobody_up(tmp_path: Path) -> None:
    answers = Answers({"news": "x" * 100_000})
    server = ControlServer(tmp_path, answers)
    before = others()
    await server.start()
    with short_path(tmp_path) as path, socket.socket(socket.AF_UNIX) as client:
        client.connect(path)
        client.sendall(b'{"verb": "flood"}\n')
        await answers.begun.acquire()

        await stopped(server)

        assert others() == before
        assert answers.ended == 1


async def test_an_answer_whose_client_has_gone_is_given_up_at_once(tmp_path: Path) -> None:
    answers = Answers({"news": "x"})
    server = ControlServer(tmp_path, answers)
    before = others()
    await server.start()
    with short_path(tmp_path) as path, socket.socket(socket.AF_UNIX) as client:
        client.connect(path)
        client.sendall(b'{"verb": "flood"}\n')
        await answers.begun.acquire()
    await until(lambda: others() == before)

    assert answers.ended == 1
    await stopped(server)


@pytest.mark.parametrize("line", [b"words\n", b"\xff\n", b"[" * 100_000 + b"\n", b"9" * 9000 + b"\n", b""])
async def test_what_is_no_json_is_bad_input(tmp_path: Path, line: bytes) -> None:
    server = ControlServer(tmp_path, Answers({}))
    await server.start()
    with short_path(tmp_path) as path:
        reader, writer = await asyncio.open_unix_connection(path)
    writer.write(line)
    writer.write_eof()

    reply = json.loads(await reader.readline())

    assert (reply["ok"], reply["bad_input"]) == (False, True)
    writer.close()
    await stopped(server)
