"""Doubts: places of cluster_cfg that hold something else than was probably meant, or nothing that can be trusted. PURE.

A doubt is no fault by itself: only what would render otherwise is wrong. Whoever renders asks which doubts a template
touched, and what it would render if they were corrected.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from paiwatch.model.reads import How, KeyPath
from paiwatch.model.tracking import Touch
from paiwatch.problem import Problem

#: Questions about what lies directly below a place.
_LISTING = frozenset({How.KEYS, How.LENGTH})


class Instead(Enum):
    """What to put in place of a doubtful value where nobody can know it."""

    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubt:
    """`instead` is the value that was probably meant; `problem` is what to tell of a service for which it matters.

    `compared_with` limits it to templates that compare the key with one of these texts, `only_blank` to those that print
    nothing there. `is_told_anyway` makes a warning of it even where it does not matter; `is_told_where_read` tells it at the
    template, because its own place has an error already.
    """

    path: KeyPath
    problem: Problem
    instead: Any = Instead.UNKNOWN
    compared_with: tuple[str, ...] = field(default=())
    only_blank: bool = False
    is_told_anyway: bool = True
    is_told_where_read: bool = False

    @property
    def mark(self) -> str:
        """Differs where anything that could be told of it differs."""
        return repr((self.path, self.instead, self.problem, self.compared_with, self.only_blank))

    def concerns(self, path: KeyPath, how: str) -> bool:
        """Whether the answer to this question may depend on the doubtful place: it lies there, below, or looks over it."""
        if len(path) < len(self.path):
            is_over = how == How.SUBTREE or (how in _LISTING and len(path) + 1 == len(self.path))
            return is_over and self.path[: len(path)] == path
        return path[: len(self.path)] == self.path


def touched_by(doubt: Doubt, touched: Iterable[Touch]) -> bool:
    """Whether one of these questions may be answered otherwise without the doubt."""
    return any(doubt.concerns(path, how) for path, how in touched)


def replaced(cluster_cfg: Mapping[Any, Any], path: KeyPath, value: Any) -> dict[Any, Any]:
    """The same cluster_cfg with this value at this place; containers on the way are copied, never changed."""
    return dict(_with(cluster_cfg, path, value))


def _with(value: Any, path: KeyPath, instead: Any) -> Any:
    if not path:
        return instead
    key, rest = path[0], path[1:]
    if isinstance(value, Mapping):
        return {**value, key: _with(value.get(key, {}), rest, instead)}
    if isinstance(value, list) and isinstance(key, int) and key < len(value):
        return [*value[:key], _with(value[key], rest, instead), *value[key + 1 :]]
    return value
