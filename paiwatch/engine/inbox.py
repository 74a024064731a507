"""The inbox: what arrives at the decider; and what is remembered of an open generation. Values only."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from paiwatch.convergence.events import Draining, Ended
from paiwatch.errors import StoreError
from paiwatch.plan.plan import Plan
from paiwatch.releases.release import Desired


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """The world was read. `consumed` is set once the decider no longer needs the lookout to stand still."""

    desired: Desired
    consumed: asyncio.Event


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """Work of a person's command, to be done between two events; `done` gets its result or exception."""

    work: Callable[[], Awaitable[object]]
    done: asyncio.Future[object]


@dataclass(frozen=True, slots=True)
class Held:
    """The record has another hold by now, which the machine must know of before what follows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost:
    """The end of a run could not be written down, and nobody waits for the disk any more."""

    fault: StoreError


#: What the decider handles, one after the other.
Item = Looked | Command | Held | Lost | Ended | Draining
Inbox = asyncio.Queue[Item]


@dataclass(frozen=True, slots=True, kw_only=True)
class Underway:
    """A generation that is not closed yet. `began` is the machine's clock."""

    plan: Plan
    began: float
