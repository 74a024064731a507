"""Observation: what one look at the sources found, as a value: the trees, and what could not be taken. PURE."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from paiwatch.problem import Problem
from paiwatch.snapshot import Snapshot, Tree
from paiwatch.sources.refused_commit import Refusal


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceObservation:
    """One source: its tree, what that lacks or nobody vouches for, and why the tree is not that of the newest commit, if so."""

    tree: Tree
    left_out: tuple[Problem, ...] = ()
    refusal: Refusal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """Both sources. `left_out` are files that could not be read, `refusals` the sources whose newest commit was not taken."""

    snapshot: Snapshot
    left_out: tuple[Problem, ...] = ()
    refusals: Mapping[str, Refusal] = field(default_factory=dict)

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Everything that could not be taken: what was made of the rest holds all the same."""
        return (*self.left_out, *(refusal.problem for refusal in self.refusals.values()))
