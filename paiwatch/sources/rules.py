"""What the newest commit of a repository must satisfy before it is taken, and the refusal of one that does not. PURE."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from paiwatch.errors import StalledError
from paiwatch.problem import Problem
from paiwatch.snapshot import Revision


class Verify(StrEnum):
    """Which commits must be signed by a known signer."""

    OFF = "off"
    TIP = "tip"
    ALL = "all"


class History(StrEnum):
    """How a branch may move."""

    ANY = "any"
    FAST_FORWARD_ONLY = "fast-forward-only"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """`allowed_signers` (ssh) and `keyring` (gpg: a file of keys or a folder of them) say whose signatures count."""

    verify: Verify = Verify.OFF
    history: History = History.ANY
    allowed_signers: Path | None = None
    keyring: Path | None = None

    @property
    def hold_something_up(self) -> bool:
        """Whether there can be a commit that these rules refuse."""
        return self.verifies or self.history is History.FAST_FORWARD_ONLY

    @property
    def verifies(self) -> bool:
        """Whether signatures are looked at."""
        return self.verify is not Verify.OFF


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why the newest commit is not taken. `kept` stays in force ("": nothing does). Shown to people."""

    where: str
    tip: Revision
    why: str
    remedy: str
    kept: str = ""
    is_rewrite: bool = False

    @property
    def problem(self) -> Problem:
        """The same among other problems."""
        stays = f"{self.kept[:8]} stays in force" if self.kept else "and no earlier good commit is here"
        message = f"the newest commit {named(self.tip)} is refused: {self.why}; {stays}"
        return Problem(file=self.where, message=message, remedy=self.remedy)

    def __str__(self) -> str:
        """One line: where, which commit, why, what stays, what to do."""
        return str(self.problem)


class RefusedError(StalledError):
    """The newest commit is refused, and there is no earlier good one."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(str(refusal))
        self.refusal = refusal


def named(revision: Revision) -> str:
    """A commit as people know it: `1a2b3c4d "subject" by author`."""
    return f'{revision.short} "{revision.subject}" by {revision.author or "nobody"}'
