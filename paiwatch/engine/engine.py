"""The engine: all that decides while paiwatch lives, as one pure function. The daemon and the simulation run this one.

No clock, no chance, no I/O: time comes with each event, and what is wanted of the world goes out as effects. A step runs as soon as it may; the newest
plan replaces whatever has not started; each generation is closed once, when all its steps have an outcome.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from paiwatch.engine.draft import Draft
from paiwatch.engine.effects import Effect, TakeUp
from paiwatch.engine.events import (
    Archived,
    Commanded,
    Draining,
    Event,
    LingeringEnded,
    Looked,
    Moment,
    Past,
    Prepared,
    Proposed,
    RunEnded,
    RunStarted,
    Started,
    TakenUp,
    Ticked,
    Withdrawn,
)
from paiwatch.engine.state import State
from paiwatch.engine.transitions import asking, people, planning, requests, runs, scheduling
from paiwatch.errors import ConfigError

_NOTHING = Past()
_ENDING = "paiwatch is stopping"


def handle(
    state: State, event: Event, now: Moment, past: Past = _NOTHING
) -> tuple[State, tuple[Effect, ...]]:
    """The state after this event, and what is to be done, its changes first.

    Raises PastNeeded where the event needs what only the store remembers: call again with that as `past`; nothing has
    happened. `now` never goes back.
    """
    draft = Draft(state, now, past)
    if isinstance(event, Commanded) and draft.asked is not None and not draft.is_draining:
        draft.deferred = (*draft.deferred, event)  # plans are made one after the other
        return draft.finish()
    try:
        _move(draft, event)
    except ConfigError as fault:
        return _refuse(state, event, now, past, fault)
    _follow(draft)
    return draft.finish()


def _move(draft: Draft, event: Event) -> None:
    _TRANSITIONS[type(event)](draft, event)


def _refuse(
    state: State, event: Event, now: Moment, past: Past, fault: ConfigError
) -> tuple[State, tuple[Effect, ...]]:
    """What a person asks for cannot be done: all is as before."""
    draft = Draft(state, now, past)
    match event:
        case Commanded(number=number) | Archived(asked=Commanded(number=number)):
            draft.refuse(number, str(fault), fault.problems)
        case TakenUp():
            first, *rest = draft.deferred
            draft.deferred = tuple(rest)
            draft.refuse(first.number, str(fault), fault.problems)
        case _:
            raise fault
    _follow(draft)
    return draft.finish()


def _follow(draft: Draft) -> None:
    """What follows from any event: what may begin now, closed generations, answers, and another plan where that is due."""
    scheduling.begin_what_may(draft)
    has_closed = planning.close_what_is_done(draft)
    has_answered = requests.settle(draft)
    if has_answered or (has_closed and draft.held_plan is not None):
        asking.ask(draft)  # what was left to a person's request is the trees' again
    if draft.asked is None and draft.deferred:
        draft.do(TakeUp())


def _take_up(draft: Draft, _: TakenUp) -> None:
    """The oldest request that came while a plan was being made."""
    event, *rest = draft.deferred
    draft.deferred = tuple(rest)
    people.obey(draft, event)


def _withdraw(draft: Draft, gone: Withdrawn) -> None:
    """The plan is made again without the request, for whoever else needs it."""
    number = gone.number
    requests.withdraw(draft, number)
    draft.deferred = tuple(event for event in draft.deferred if event.number != number)
    if draft.asked is not None and draft.asked.by is not None and draft.asked.by.number == number:
        draft.asked = replace(draft.asked, by=None, reply={})
        draft.needs_plan = True


def _let_go(draft: Draft, event: LingeringEnded) -> None:
    for run in sorted(event.runs):
        draft.drop_lingering(run)
    scheduling.unpark_all(draft)


def _drain(draft: Draft, _: Draining) -> None:
    """Begin nothing more; what runs may finish. Who waits for a plan is told that none comes."""
    draft.is_draining = True
    if draft.asked is not None:
        if draft.asked.by is not None:
            draft.refuse(draft.asked.by.number, f"{_ENDING}; nothing was done")
        for number, reply in draft.asked.answers:
            draft.answer(number, reply)
        draft.asked = None
    for waiting in draft.deferred:
        draft.refuse(waiting.number, f"{_ENDING}; nothing was done")
    draft.deferred = ()
    scheduling.supersede(draft, _ENDING)


def _tick(draft: Draft, event: Ticked) -> None:
    """Only time has passed: see what that lets begin."""


#: What each event makes of the draft.
_TRANSITIONS: Mapping[type, Callable[[Draft, Any], None]] = {
    Started: runs.recover,
    Looked: planning.look,
    Proposed: planning.take,
    Prepared: runs.intend,
    RunStarted: runs.identify,
    RunEnded: runs.end,
    LingeringEnded: _let_go,
    Commanded: people.obey,
    Archived: people.adopt,
    Withdrawn: _withdraw,
    TakenUp: _take_up,
    Ticked: _tick,
    Draining: _drain,
}
