"""The desk: what commands of people work with, and the shapes in which they are asked and answered. Values only."""

from collections.abc import AsyncIterable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from paiwatch.clock import Clock
from paiwatch.engine.course import Course
from paiwatch.engine.decider import Decider
from paiwatch.engine.writer import Writer
from paiwatch.errors import ConfigError
from paiwatch.news import Missed, News
from paiwatch.plan.policy import Policy
from paiwatch.record.store import Record
from paiwatch.releases.release import Desired
from paiwatch.sources.sources import Sources

Request = Mapping[str, Any]
Reply = dict[str, Any]


class Following(AsyncIterable[News | Missed], Protocol):
    """What is told from now on, until it is made to `end`."""

    def end(self) -> None:
        """Hear nothing more; what was told before is still delivered."""


class Bus(Protocol):
    """Where commands hear what they set in motion."""

    def follow(self) -> AbstractAsyncContextManager[Following]:
        """Hear what is told while the block lasts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """What commands work with. `nudge` asks for a look at the world; `faults` are the sources' present troubles."""

    decider: Decider
    course: Course
    record: Record
    writer: Writer
    policy: Policy
    clock: Clock
    nudge: Callable[[str], None]
    faults: dict[str, str]
    bus: Bus
    since: float
    sources: Sources

    @property
    def desired(self) -> Desired:
        """What the trees ask for. Raises ConfigError as long as nobody knows."""
        if self.course.desired is None:
            raise ConfigError(
                "the tree has not been read yet, or cannot be used; `paiwatch validate` says why"
            )
        return self.course.desired
