"""What arrives at the decider besides events of convergence, and what it remembers of an open generation."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

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


@dataclass(slots=True, kw_only=True)
class Underway:
    """A generation that is not closed yet, and whoever waits for its end."""

    plan: Plan
    began: float
    asked: bool
    closed: asyncio.Future[bool] = field(default_factory=lambda: asyncio.get_running_loop().create_future())
