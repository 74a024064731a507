"""Problem: a fault in somebody's files, shown to people. Data, never an exception. PURE.

Every reader of files (settings, catalog, model, releases) returns these; nobody stops at the first.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


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
        """One line: place, what, remedy."""
        remedy = f"; {self.remedy}" if self.remedy else ""
        return f"{self.place}: {self.message}{remedy}"


def errors(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """Those that hold a service or a start-up."""
    return tuple(problem for problem in problems if problem.severity is Severity.ERROR)
