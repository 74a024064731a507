"""The event loop in this process, with all its parts: nobody waits for ever, whatever becomes of it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from paiwatch import failpoint
from paiwatch.catalog.service import Operator
from paiwatch.daemon.assembly import Parts, assemble
from paiwatch.daemon.bus import Bus
from paiwatch.domain.principal import Principal
from paiwatch.engine import engine
from paiwatch.engine.commands import Retry, Service, Suspend
from paiwatch.engine.draft import Draft
from paiwatch.engine.events import Commanded, Proposed
from paiwatch.errors import ConfigError, CrashedError, StoreError
from paiwatch.scrub import Scrubber
from paiwatch.settings.file import load
from tests.cli.worlds import a_world

ANA = Principal(uid=1000, user="ana", login="ana", door="a test")


@asynccontextmanager
async def parts_of(tmp_path: Path, *, converges: bool = True) -> AsyncIterator[Parts]:
    settings = load(a_world(tmp_path).settings, {})
    async with (
        asyncio.timeout(60),
        assemble(settings, command="test", bus=Bus(), scrubber=Scrubber(), converges=converges) as parts,
    ):
        yield parts


async def see(parts: Parts) -> None:
    """Look at the world once, and wait until that is planned."""
    await parts.loop.saw(await parts.lookout.look())


async def test_it_converges_on_what_was_seen_and_ends_when_it_is_drained(tmp_path: Path) -> None:
    async with parts_of(tmp_path) as parts:
        turning = asyncio.create_task(parts.loop.run())
        await see(parts)
        assert await parts.loop.wait_until_idle()
        assert parts.loop.state.is_settled
        parts.loop.drain()
        await turning

    assert parts.loop.state.applied


async def test_a_look_that_cannot_be_written_is_released_and_told_at_the_end(tmp_path: Path) -> None:
    async with parts_of(tmp_path) as parts:
        turning = asyncio.create_task(parts.loop.run())
        failpoint.arm({"PAIWATCH_FAILPOINT": "record.uncommitted:1:ENOSPC"})
        try:
            await see(parts)
            with pytest.raises(StoreError, match="not everything could be written down"):
                await turning
        finally:
            failpoint.arm({})

    assert parts.loop.state.generation == 0, "what cannot be written has not happened"


async def test_a_command_that_cannot_be_written_is_told_so_and_has_not_happened(tmp_path: Path) -> None:
    async with parts_of(tmp_path) as parts:
        turning = asyncio.create_task(parts.loop.run())
        await see(parts)
        await parts.loop.wait_until_idle()
        before = parts.loop.state
        try:
            for command in (Suspend(service="*", reason="a test"), Service(operator=Operator.STOP)):
                failpoint.arm({"PAIWATCH_FAILPOINT": "record.uncommitted:1:ENOSPC"})
                with pytest.raises(StoreError, match="No space left"):
                    await parts.loop.obey(command, ANA)
                await parts.loop.pulse()
        finally:
            failpoint.arm({})
        assert parts.loop.state.holds == {}
        assert parts.loop.state.applied == before.applied
        assert parts.loop.state.generation == before.generation
        await parts.loop.obey(Suspend(service="*", reason="a test"), ANA)
        assert parts.loop.state.holds["*"].reason == "a test"
        parts.loop.drain()
        await turning


async def test_commands_that_come_behind_its_end_are_refused_at_once(tmp_path: Path) -> None:
    async with parts_of(tmp_path, converges=False) as parts:
        parts.loop.drain()
        behind = asyncio.create_task(parts.loop.obey(Retry(), ANA))
        await asyncio.sleep(0)  # it waits in the queue, behind the request to end
        await parts.loop.run()
        for asked in (behind, parts.loop.obey(Retry(), ANA)):
            with pytest.raises(StoreError, match="nothing was done"):
                await asked
        await parts.loop.pulse()
        await see(parts)


def a_bug(draft: Draft, event: object) -> None:
    draft.hold_plan(None)
    raise TypeError("a bug that a test put in")


async def test_a_bug_over_a_command_is_told_as_one_and_ends_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(engine._TRANSITIONS, Commanded, a_bug)
    async with parts_of(tmp_path, converges=False) as parts:
        turning = asyncio.create_task(parts.loop.run())
        with pytest.raises(CrashedError, match=r"a bug of its own \(TypeError\).*nothing was done"):
            await parts.loop.obey(Retry(), ANA)
        with pytest.raises(TypeError, match="a bug that a test put in"):
            await turning


async def test_a_bug_over_a_plan_releases_whoever_waits_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(engine._TRANSITIONS, Proposed, a_bug)
    async with parts_of(tmp_path) as parts:
        turning = asyncio.create_task(parts.loop.run())
        asked = asyncio.create_task(see(parts))
        await asyncio.wait({asked})
        with pytest.raises(TypeError, match="a bug that a test put in"):
            await turning


async def test_what_is_refused_says_why(tmp_path: Path) -> None:
    async with parts_of(tmp_path) as parts:
        turning = asyncio.create_task(parts.loop.run())
        with pytest.raises(ConfigError, match="the tree has not been read yet"):
            await parts.loop.obey(Service(operator=Operator.START), ANA)
        await see(parts)
        with pytest.raises(ConfigError, match="cannot start that") as refused:
            await parts.loop.obey(Service(operator=Operator.START, names=("nobody",)), ANA)
        assert "there is no service 'nobody'" in str(refused.value.problems[0])
        parts.loop.drain()
        await turning
