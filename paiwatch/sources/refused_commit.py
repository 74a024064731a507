"""A refused commit: why the newest one of a source is not taken, as people are told. PURE."""

from dataclasses import dataclass

from paiwatch.errors import StalledError
from paiwatch.problem import Problem
from paiwatch.snapshot import Revision


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
