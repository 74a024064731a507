"""Requests: people who wait for what the engine makes of their commands. None waits for ever, nor for a disk."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from paiwatch.engine.events import Commanded, Event, TakenUp
from paiwatch.engine.state import State
from paiwatch.errors import CrashedError, PaiwatchError, StoreError

_PATIENCE = 1.0  # seconds a person waits for the disk

Reply = Mapping[str, Any]


@dataclass(slots=True)
class _Waiting:
    """One of them. `taken`: the engine has got the command."""

    answer: asyncio.Future[Reply] = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    taken: bool = False


class Requests:
    """By number. `held_up` says what the event loop waits for just now ("" for nothing), `is_under_way` whether steps of a request run."""

    def __init__(self, *, held_up: Callable[[], str], is_under_way: Callable[[int], bool]) -> None:
        self._held_up = held_up
        self._is_under_way = is_under_way
        self._waiting: dict[int, _Waiting] = {}
        self._last = 0
        self._end: PaiwatchError | None = None

    def open(self) -> int:
        """The number of a new one. Raises what ended the event loop, if it has ended."""
        if self._end is not None:
            raise self._end
        self._last += 1
        self._waiting[self._last] = _Waiting()
        return self._last

    async def wait(self, number: int) -> Reply:
        """The answer. Raises what the command was refused with, and StoreError where the event loop waits for the disk."""
        waiting = self._waiting[number]
        try:
            while not (await asyncio.wait({waiting.answer}, timeout=_PATIENCE))[0]:
                if (fault := self._held_up()) and not self._is_under_way(number):
                    state = (
                        "begun, and goes on by itself as soon as that is over"
                        if waiting.taken
                        else "not done"
                    )
                    raise StoreError(f"{state}: {fault}")
            return waiting.answer.result()
        finally:
            waiting.answer.cancel()
            self._waiting.pop(number, None)

    def take(self, number: int) -> bool:
        """Whether somebody still waits for it: then it is the engine's from now on."""
        if (waiting := self._waiting.get(number)) is None:
            return False
        waiting.taken = True
        return True

    def answer(self, number: int, reply: Reply) -> None:
        """Give the answer to whoever still waits."""
        waiting = self._waiting.get(number)
        if waiting is not None and not waiting.answer.done():
            waiting.answer.set_result(reply)

    def refuse(self, number: int, fault: PaiwatchError) -> None:
        """Say why it is not done."""
        waiting = self._waiting.get(number)
        if waiting is not None and not waiting.answer.done():
            waiting.answer.set_exception(fault)

    def end(self, *, crashed: bool) -> None:
        """Nothing is answered any more: say so to those who wait, and to those who come."""
        for number, waiting in tuple(self._waiting.items()):
            begun = "this may have begun, and is not repeated" if waiting.taken else "nothing was done"
            self.refuse(number, _ended(begun, crashed=crashed))
        self._end = _ended("nothing was done", crashed=crashed)


def _ended(what: str, *, crashed: bool) -> PaiwatchError:
    if crashed:
        return bug_met(None, what)
    return StoreError(f"the daemon is ending; {what}; `paiwatch status` shows where things stand")


def bug_met(bug: Exception | None, what: str) -> CrashedError:
    """A bug of ours, told as one; `what` became of what was asked."""
    named = f" ({type(bug).__name__})" if bug is not None else ""
    return CrashedError(
        f"paiwatch met a bug of its own{named} and is ending; {what}; its log has the traceback"
    )


def asked_by(event: Event, state: State) -> int:
    """The request that nobody else waits for, 0 for none."""
    match event:
        case Commanded(number=number):
            return number
        case TakenUp():
            return state.deferred[0].number
        case _:
            return 0
