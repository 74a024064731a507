"""The gate with a real record: what is held, what an approval lets through, and what survives a restart."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from paiwatch.catalog.service import Operator
from paiwatch.clock import Clock
from paiwatch.documents.units import Limit
from paiwatch.engine.gate import Gate
from paiwatch.engine.outage import Outage
from paiwatch.engine.writer import Writer
from paiwatch.errors import ConfigError
from paiwatch.news import News, PlanApproved, PlanHeld
from paiwatch.plan.plan import Plan
from paiwatch.plan.policy import Guard
from paiwatch.record.history import History
from paiwatch.record.store import Record
from paiwatch.snapshot import Revision
from tests.record.runs import a_step

Work = Callable[[Gate], Coroutine[Any, Any, None]]


def a_plan(letter: str, *names: str) -> Plan:
    steps = tuple(a_step(name, "g" * 64, Operator.REFRESH) for name in names)
    return Plan(digest=letter * 64, config="c", src="s", steps=steps)


BIG, OTHER, SMALL = a_plan("b", "x", "y", "z"), a_plan("d", "x", "y", "w"), a_plan("e", "x")


def at_the_gate(state: Path, work: Work) -> list[News]:
    """One life of paiwatch: opens the record, works, closes it; gives the news."""
    heard: list[News] = []

    async def live() -> None:
        writer = Writer(Outage(heard.append, patient=False))
        record = await writer.do(lambda: Record.open(state))
        clock = Clock(monotonic=lambda: 1.0, wall=lambda: 1000.0)
        gate = Gate(
            record=record, writer=writer, limits=Guard(max_services=Limit(2)), clock=clock, tell=heard.append
        )
        await work(gate)
        await writer.do(record.close)
        writer.stop()

    asyncio.run(live())
    return heard


def test_a_plan_beyond_the_limit_waits_and_is_told_once(tmp_path: Path) -> None:
    async def work(gate: Gate) -> None:
        assert await gate.opens(SMALL, {})
        assert not await gate.opens(BIG, {})
        assert not await gate.opens(BIG, {})
        assert gate.held is not None

    (news,) = at_the_gate(tmp_path, work)

    assert isinstance(news, PlanHeld)
    with History.open(tmp_path) as past:
        held = past.held_plan()
    assert held is not None
    assert (held.digest, held.services, held.since, held.approved) == (
        "b" * 64,
        ("x", "y", "z"),
        1000.0,
        False,
    )
    assert held.reasons == ("it touches 3 services, and guard.max_services is 2",)


def test_an_approval_lets_this_very_plan_through_until_it_is_done(tmp_path: Path) -> None:
    async def work(gate: Gate) -> None:
        assert not await gate.opens(BIG, {})
        assert await gate.approve("bbbbbbbb", BIG, {}) == BIG.digest
        assert await gate.opens(BIG, {})
        assert gate.held is None
        assert await gate.opens(BIG, {})
        await gate.closed(BIG)
        assert not await gate.opens(BIG, {})

    assert [type(news) for news in at_the_gate(tmp_path, work)][:2] == [PlanHeld, PlanApproved]


def test_another_plan_needs_its_own_approval_and_ends_the_first(tmp_path: Path) -> None:
    async def work(gate: Gate) -> None:
        assert not await gate.opens(BIG, {})
        await gate.approve("b" * 64, BIG, {})
        assert not await gate.opens(OTHER, {})
        assert not await gate.opens(BIG, {})

    at_the_gate(tmp_path, work)


def test_what_a_crash_left_of_an_approved_plan_goes_on_and_nothing_else_does(tmp_path: Path) -> None:
    rest = a_plan("f", "y", "z", "x2")
    left = replace(rest, steps=BIG.steps)  # as many steps, another digest: others wait for them now
    elsewhere = replace(left, config="another commit")
    other_release = replace(left, steps=tuple(replace(step, digest="h" * 64) for step in BIG.steps))

    async def live(gate: Gate) -> None:
        await gate.approve("bbbbbbbb", BIG, {})
        assert await gate.opens(BIG, {})

    async def live_again(gate: Gate) -> None:
        assert await gate.opens(left, {})
        assert await gate.opens(left, {})
        await gate.closed(left)
        assert not await gate.opens(left, {})

    async def refuse(gate: Gate, plan: Plan) -> None:
        assert not await gate.opens(plan, {})
        assert not await gate.opens(left, {})

    for number, stranger in enumerate((rest, elsewhere, other_release)):
        state = tmp_path / str(number)
        at_the_gate(state, live)
        with Record.open(state) as record:
            record.accept(BIG, Revision(id=BIG.config), Revision(id=BIG.src), at=1.0)
        at_the_gate(state, partial(refuse, plan=stranger))
    at_the_gate(tmp_path, live)
    with Record.open(tmp_path) as record:
        record.accept(BIG, Revision(id=BIG.config), Revision(id=BIG.src), at=1.0)
    at_the_gate(tmp_path, live_again)


def test_what_needs_no_approval_passes_while_another_waits(tmp_path: Path) -> None:
    async def work(gate: Gate) -> None:
        assert not await gate.opens(BIG, {})
        assert await gate.opens(SMALL, {})
        assert gate.held is None

    at_the_gate(tmp_path, work)

    with History.open(tmp_path) as past:
        assert past.held_plan() is None


def test_an_approval_survives_a_restart(tmp_path: Path) -> None:
    async def approve(gate: Gate) -> None:
        await gate.approve("bbbbbbbbb", BIG, {})
        await gate.approve("bbbbbbbbb", BIG, {})

    async def accept(gate: Gate) -> None:
        assert await gate.opens(BIG, {})

    at_the_gate(tmp_path, approve)
    with History.open(tmp_path) as past:
        held = past.held_plan()
        assert held is not None
        assert held.approved

    at_the_gate(tmp_path, accept)

    with History.open(tmp_path) as past:
        assert past.held_plan() is None


def test_a_plan_that_waits_is_told_again_after_a_restart_with_its_old_time(tmp_path: Path) -> None:
    async def look(gate: Gate) -> None:
        assert not await gate.opens(BIG, {})

    assert len(at_the_gate(tmp_path, look)) == len(at_the_gate(tmp_path, look)) == 1


@pytest.mark.parametrize(
    "prefix", ["", "bbbbbbb", "cccccccc", "b" * 65], ids=["none", "short", "other", "long"]
)
def test_only_the_digest_of_the_plan_that_waits_is_taken(tmp_path: Path, prefix: str) -> None:
    async def work(gate: Gate) -> None:
        await gate.opens(BIG, {})
        with pytest.raises(ConfigError, match="is not the plan that waits: that is bbbbbbbbbbbb"):
            await gate.approve(prefix, BIG, {})
        assert not await gate.opens(BIG, {})

    at_the_gate(tmp_path, work)


def test_there_is_nothing_to_approve_when_no_plan_waits(tmp_path: Path) -> None:
    async def work(gate: Gate) -> None:
        with pytest.raises(ConfigError, match="no plan waits"):
            await gate.approve("eeeeeeee", SMALL, {})

    at_the_gate(tmp_path, work)
