"""Commands that cannot be done: whose fault that is said to be."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from paiwatch.control import commands
from paiwatch.control.desk import Desk
from paiwatch.daemon.assembly import assemble
from paiwatch.daemon.bus import Bus
from paiwatch.domain.principal import Principal
from paiwatch.engine.commands import Nudge
from paiwatch.scrub import Scrubber
from paiwatch.settings.file import load
from tests.cli.worlds import a_world

ANA = Principal(uid=1000, user="ana", login="ana", door="control socket")


@asynccontextmanager
async def a_desk(folder: Path) -> AsyncIterator[Desk]:
    settings = load(a_world(folder).settings, {})
    async with assemble(settings, command="test", bus=Bus(), scrubber=Scrubber(), converges=False) as parts:
        yield parts.desk


def broken(desk: Desk, bug: Exception) -> Desk:
    """The desk, with something on it that has a bug."""

    def nudge(_: str) -> None:
        raise bug

    return replace(desk, nudge=nudge)


async def last(desk: Desk, request: dict[str, Any]) -> dict[str, Any]:
    return [reply async for reply in commands.answer(desk, request, ANA)][-1]


@pytest.mark.parametrize(
    "bug",
    [
        KeyError("web"),
        TypeError("no"),
        ValueError("hunter2"),
        TimeoutError(),
        RuntimeError(),
        AssertionError(),
    ],
    ids=lambda bug: type(bug).__name__,
)
async def test_a_bug_is_told_as_a_bug_and_logged(
    tmp_path: Path, bug: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    async with a_desk(tmp_path) as desk:
        reply = await last(broken(desk, bug), {"verb": "nudge"})

    assert reply["ok"] is False
    assert reply["bug"] is True
    assert "bad_input" not in reply
    assert f"a bug in paiwatch ({type(bug).__name__})" in reply["error"]
    assert "hunter2" not in reply["error"]  # what an exception says may be anything
    assert "command.crashed" in caplog.text
    assert "'command': 'nudge'" in caplog.text
    assert "'exc_info': True" in caplog.text


async def test_without_a_daemon_a_bug_is_the_callers_to_report(tmp_path: Path) -> None:
    async with a_desk(tmp_path) as desk:
        replies = commands.carry_out(broken(desk, KeyError("web")), Nudge(), ANA)
        with pytest.raises(KeyError):
            await anext(replies)


@pytest.mark.parametrize(
    "request_",
    [{}, {"verb": 3}, {"verb": "sing"}, {"verb": "service"}, {"verb": "suspend", "service": {}}],
    ids=str,
)
async def test_a_request_that_is_none_is_bad_input(
    tmp_path: Path, request_: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    async with a_desk(tmp_path) as desk:
        reply = await last(desk, request_)

    assert (reply["ok"], reply["bad_input"]) == (False, True)
    assert "bug" not in reply
    assert caplog.records == []
