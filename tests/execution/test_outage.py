"""The outage: whoever must write waits, people are told once, and nothing waits for what waiting cannot mend."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from paiwatch.errors import DamagedError, StoreError
from paiwatch.execution import outage
from paiwatch.execution.outage import Outage
from paiwatch.news import News, StateFailed, StateRecovered

FULL, LOCKED = "/state/archive: full", "/state/record.db: locked"


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tries come at once."""
    monkeypatch.setattr(outage, "_FIRST", 0.001)
    monkeypatch.setattr(outage, "_MOST", 0.001)


def failing(*faults: str) -> Callable[[], Awaitable[str]]:
    """Work that fails in these ways, one after the other, and then succeeds."""
    left = list(faults)

    async def work() -> str:
        if left:
            raise StoreError(left.pop(0))
        return "done"

    return work


def lived(life: Callable[[Outage], Awaitable[None]], *, patient: bool = True) -> list[News]:
    heard: list[News] = []

    async def live() -> None:
        await life(Outage(heard.append, patient=patient))

    asyncio.run(live())
    return heard


def test_work_is_done_again_until_it_works_and_people_are_told_twice() -> None:
    async def life(outage: Outage) -> None:
        assert await outage.outlast(failing(FULL, FULL, FULL)) == "done"
        assert (outage.fault, outage.tries) == ("", 3)

    assert lived(life) == [StateFailed(message=FULL), StateRecovered()]


def test_an_outage_lasts_until_nobody_waits_and_each_fault_of_it_is_told_once() -> None:
    async def life(outage: Outage) -> None:
        await asyncio.gather(
            outage.outlast(failing(FULL, FULL)),
            outage.outlast(failing(FULL, LOCKED, LOCKED, FULL)),
            outage.outlast(failing()),
        )

    *told, last = lived(life)
    assert sorted(map(str, told)) == sorted(
        map(str, [StateFailed(message=FULL), StateFailed(message=LOCKED)])
    )
    assert last == StateRecovered()


def test_whoever_is_told_to_give_up_raises_at_its_next_try() -> None:
    async def life(outage: Outage) -> None:
        tried = asyncio.Event()

        async def work() -> None:
            tried.set()
            raise StoreError(FULL)

        waiting = asyncio.create_task(outage.outlast(work))
        await tried.wait()
        assert outage.holds_up(waiting)
        outage.give_up()
        with pytest.raises(StoreError, match="full"):
            await waiting
        assert (outage.fault, outage.holds_up(waiting)) == ("", False)

    assert lived(life) == [StateFailed(message=FULL)]


def test_what_is_not_worth_waiting_for_raises() -> None:
    async def life(outage: Outage) -> None:
        with pytest.raises(StoreError, match="full"):
            await outage.outlast(failing(FULL, FULL, FULL), worth_it=lambda: not outage.tries)
        assert outage.tries == 1

    assert lived(life) == [StateFailed(message=FULL)]


def test_damage_is_not_waited_for() -> None:
    async def damaged() -> None:
        raise DamagedError("cut")

    async def life(outage: Outage) -> None:
        with pytest.raises(DamagedError):
            await outage.outlast(damaged)

    assert lived(life) == []


def test_who_is_not_patient_does_not_wait() -> None:
    async def life(outage: Outage) -> None:
        with pytest.raises(StoreError):
            await outage.outlast(failing(FULL))

    assert lived(life, patient=False) == []
