"""The threads that are there before they are needed."""

import asyncio
import threading

import pytest

from paiwatch.daemon import crew


async def test_no_thread_has_to_be_begun_later(monkeypatch: pytest.MonkeyPatch) -> None:
    crew.muster()

    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    answers = await asyncio.gather(*(asyncio.to_thread(lambda: 7) for _ in range(20)))
    monkeypatch.undo()

    assert answers == [7] * 20


async def test_where_no_thread_can_be_begun_it_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    begun = threading.Thread.start
    left = [2]

    def begin(thread: threading.Thread) -> None:
        if not left[0]:
            raise RuntimeError("can't start new thread")
        left[0] -= 1
        begun(thread)

    monkeypatch.setattr(threading.Thread, "start", begin)

    crew.muster()

    monkeypatch.undo()
    assert await asyncio.to_thread(lambda: 7) == 7
