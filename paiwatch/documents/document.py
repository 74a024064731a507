"""Document: one parsed YAML file with the places of its keys. Values only. PURE."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from paiwatch.problem import Problem, Severity

#: Where a value lies in a document: keys and list indexes from the top.
Path = tuple[str | int, ...]


class Mark(NamedTuple):
    """1-based line and column. (A tuple: ten thousand files have a quarter of a million of them.)"""

    line: int
    column: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """Parsed YAML: `value` is plain Python data (None for an empty file); `marks` has the place of each key and item.

    `problems` holds what was wrong with the text itself (syntax, duplicate keys, surprises); after an error
    of severity error the value may be None.
    """

    file: str
    value: Any
    marks: Mapping[Path, Mark] = field(default_factory=dict, repr=False)
    problems: tuple[Problem, ...] = ()

    def locate(self, path: Path) -> Mark:
        """The mark of this path, or of its nearest ancestor that has one."""
        for end in range(len(path), 0, -1):
            if path[:end] in self.marks:
                return self.marks[path[:end]]
        return Mark(1, 1)


def problem_at(severity: Severity, document: Document, where: Path, message: str, remedy: str) -> Problem:
    """A fault at a key, or at the nearest place that is written."""
    mark = document.locate(where)
    return Problem(
        file=document.file,
        line=mark.line,
        column=mark.column,
        severity=severity,
        message=message,
        remedy=remedy,
    )
