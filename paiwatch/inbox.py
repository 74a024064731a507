"""What arrives at the decider besides events of convergence, and what it remembers of an open generation."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Underway:
    """A generation that is not closed yet. `began` is the machine's clock."""

    plan: Plan
    began: float
