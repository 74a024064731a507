"""The desk: what commands of people work with, and the shapes in which they are asked and answered. Values only."""

from collections.abc import AsyncIterable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from paiwatch.clock import Clock
from paiwatch.domain.principal import Principal
from paiwatch.engine.commands import Act
from paiwatch.engine.state import State
from paiwatch.news import Missed, News
from paiwatch.snapshot import Revision

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


class Loop(Protocol):
    """The event loop, as far as commands need it."""

    @property
    def state(self) -> State:
        """The state as it is now."""

    @property
    def outage(self) -> str:
        """What cannot be written now, and is waited for."""

    async def obey(self, command: Act, principal: Principal) -> Mapping[str, Any]:
        """Have this done, and give the answer."""


class Rewrites(Protocol):
    """The sources, as far as commands need them."""

    async def accept_rewrite(self, name: str = "") -> tuple[str, Revision]:
        """Accept the rewritten history of config or src ("": of the one that waits); gives its name and tip."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """What commands work with. `nudge` asks for a look at the world; `faults` are the sources' present troubles.

    `scrub` hides secrets in what people write: it is kept, and shown to others.
    """

    loop: Loop
    clock: Clock
    nudge: Callable[[str], None]
    faults: dict[str, str]
    bus: Bus
    since: float
    sources: Rewrites
    scrub: Callable[[str], str] = str
