"""Problem: a fault in somebody's files, shown to people. Data, never an exception. PURE.

Every reader of files (settings, catalog, model, releases) returns these; nobody stops at the first.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

_LONGEST = 1000  # characters of a message that anybody reads


class Severity(StrEnum):
    """How much a problem holds up: an error holds its service, a warning holds nothing."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Problem:
    """One fault: where (file, 1-based line and column, 0 when unknown), what, and what to do.

    `service` names the service it concerns, or is empty when it concerns the whole tree.
    """

    file: str
    line: int = 0
    column: int = 0
    severity: Severity = Severity.ERROR
    message: str
    remedy: str = ""
    service: str = ""

    @property
    def place(self) -> str:
        """`file:line:column` as editors understand it, without the parts that are unknown."""
        if not self.line:
            return self.file
        return f"{self.file}:{self.line}:{self.column}" if self.column else f"{self.file}:{self.line}"

    def __str__(self) -> str:
        """One line: place, what, remedy. Names in it may be anybody's: odd characters are escaped, and what has no end is cut."""
        message = self.message if len(self.message) <= _LONGEST else f"{self.message[:_LONGEST]}…"
        remedy = f"; {self.remedy}" if self.remedy else ""
        said = f"{self.place}: {message}{remedy}"
        if said.isprintable():
            return said
        return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in said)


def errors(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """Those that hold a service or a start-up."""
    return tuple(problem for problem in problems if problem.severity is Severity.ERROR)
