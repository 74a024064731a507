"""What must be remembered of a repository with rules: the last good commit, and what was refused. Where it lies is another's business."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from paiwatch.errors import TransientError


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """The last good commit; whether its signature was good; the tip of a rewritten history that a person accepted."""

    commit: str
    verified: bool = False
    rewrite: str = ""


class DamagedMemoryError(TransientError):
    """Something is remembered, and nobody can say what. Its text says where it lies, and what to do."""


class AcceptanceMemory(Protocol):
    """Of one repository. Used by the thread that looks at it."""

    def load(self) -> Accepted | None:
        """What was remembered last, None when nothing ever was.

        Raises TransientError when it cannot be read now, DamagedMemoryError for what is no such thing.
        """

    def remember(self, accepted: Accepted) -> None:
        """Durably, in place of what was remembered before. Raises TransientError when that cannot be done."""

    def tell_refusal(self, message: str) -> None:
        """Say what is refused now ("": nothing), for who asks when nobody looks any more. Raises nothing: nobody relies on it."""


#: Gives the memory of a repository, by the name of its mirror: another repository or branch is another one.
Memories = Callable[[str], AcceptanceMemory]
