"""The executor: what the engine's effects need of whoever runs steps. One for local processes is `runner`; others may go on over a restart.

An attempt has a handle that names it also for another life of paiwatch: it is written down as soon as it is known, and
`reattach` finds by it what an earlier life left.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from paiwatch.domain.run import Identity, RunResult
from paiwatch.engine.effects import Launch, Prepare, Scene
from paiwatch.engine.events import Recovered
from paiwatch.engine.state import Unfinished
from paiwatch.errors import PaiwatchError


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a run ended. `fault` is what paiwatch itself lacks and does not wait for: it cannot go on."""

    result: RunResult
    fault: PaiwatchError | None = None


class Attempt(Protocol):
    """One run under way."""

    @property
    def handle(self) -> Identity | None:
        """What names it for good; None where nothing is left to name."""

    async def wait(self) -> Ended:
        """Its end; what it said is durable then. Raises StoreError where that cannot be, and nobody waits for the disk."""

    def stop(self) -> None:
        """End it: gently, and at the second call at once. The end comes as any other."""


class Executor(Protocol):
    """Runs steps. It decides nothing: whatever fails on the way becomes the result of the run."""

    def open(self, generation: int, scene: Scene) -> None:
        """Remember what the steps of this generation will need."""

    def close(self, generation: int) -> None:
        """No step of the generation will come any more."""

    async def prepare(self, order: Prepare) -> bool:
        """Keep the release that will run; False where that cannot be, which becomes the result of the run."""

    async def start(self, order: Launch) -> Attempt:
        """Start it; its handle is known on return."""

    def cut_short(self) -> None:
        """End what runs, and begin nothing else."""

    async def reattach(self, unfinished: Iterable[Unfinished]) -> tuple[Recovered, ...]:
        """What has become of runs that an earlier life began. Those of local processes are ended. Raises OSError."""
