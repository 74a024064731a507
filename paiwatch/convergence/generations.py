"""Generations: how many steps of each still lack an outcome, so that each is closed exactly once. PURE state."""

from collections.abc import Iterator
from dataclasses import dataclass

from paiwatch.convergence.events import Close


@dataclass(slots=True)
class _Open:
    """An open generation: steps without outcome, and whether all others succeeded."""

    missing: int
    succeeded: bool = True


class Generations:
    """The open generations: the newest, and older ones of which something still runs."""

    def __init__(self) -> None:
        self._open: dict[int, _Open] = {}

    def open(self, generation: int, steps: int) -> None:
        """Expect this many outcomes."""
        self._open[generation] = _Open(steps)

    def settle(self, generation: int, *, succeeded: bool) -> None:
        """One step of it had its outcome."""
        entry = self._open[generation]
        entry.missing -= 1
        entry.succeeded &= succeeded

    def take_closed(self) -> Iterator[Close]:
        """Those that lack nothing any more, oldest first; each is given once."""
        for generation, entry in sorted(self._open.items()):
            if not entry.missing:
                del self._open[generation]
                yield Close(generation=generation, succeeded=entry.succeeded)
