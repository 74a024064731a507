"""What must be remembered of a repository with rules: the last good commit, and what was refused. Where it lies is another's business."""

import json
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Protocol

from paiwatch.errors import TransientError

_KEYS = {"commit", "verified", "rewrite"}
_COMMIT = re.compile(r"[0-9a-f]{40}")


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


def to_text(accepted: Accepted) -> str:
    """One JSON object."""
    return json.dumps(asdict(accepted))


def from_text(text: str | bytes) -> Accepted:
    """Raises ValueError for what we never wrote."""
    try:
        content = json.loads(text)
    except RecursionError as fault:
        raise ValueError("it is nested too deeply") from fault
    if not isinstance(content, dict) or not {"commit"} <= content.keys() <= _KEYS:
        raise ValueError("it has other keys than ours")
    commit, rewrite, verified = content["commit"], content.get("rewrite", ""), content.get("verified", False)
    ids = (commit,) if rewrite == "" else (commit, rewrite)
    if not all(isinstance(each, str) and _COMMIT.fullmatch(each) for each in ids):
        raise ValueError("what should be a commit is none")
    if not isinstance(verified, bool):
        raise ValueError("'verified' is neither true nor false")  # noqa: TRY004 (of the text, not of a caller)
    return Accepted(commit=commit, verified=verified, rewrite=rewrite)
