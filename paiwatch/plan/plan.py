"""Plan, Step, Reason: what would be done, in which order, and why. Values only. PURE."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from paiwatch.domain.run_spec import Operator, RunSpec
from paiwatch.problem import Problem
from paiwatch.releases.release import Release


class Kind(StrEnum):
    """What brought a service into the plan."""

    NEW = "new"
    CHANGED = "changed"
    DEPENDENT = "dependent"
    REMOVED = "removed"
    ASKED = "asked"  # a person named it: `paiwatch service …`


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """One sentence of why. `kind`: new | file | key | prerequisite | removed | unfinished | asked | rollback | renamed.

    `detail` reads aloud; `file`, `key`, `before`, `after` (shown values, masked) and `chain` (prerequisites, nearest
    first) carry the same facts for machines, empty where they do not apply. The rest is found only when a plan is
    explained to somebody: `template` and `line` that read the key, `origin` (file:line of the configuration that holds it),
    and the `commit` (id, author, subject) that brought the change.
    """

    kind: str
    detail: str
    file: str = ""
    key: str = ""
    before: str = ""
    after: str = ""
    chain: tuple[str, ...] = ()
    template: str = ""
    line: int = 0
    origin: str = ""
    commit: str = ""
    author: str = ""
    subject: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepId:
    """A plan has at most one step for each service and operator."""

    service: str
    operator: Operator

    def __str__(self) -> str:
        """`start grafana`."""
        return f"{self.operator} {self.service}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One operator on one service for one release, with its reasons.

    `digest` is the release to run: of the snapshot, or (for kind removed) the archived one; `spec` is that of the
    whole release, all its scripts. `waits` are the steps of this plan that must succeed first; `held_by` names services that
    have no step here and are not settled either (invalid), so the step cannot run under this plan.
    `prerequisites` are all direct prerequisites that exist, to be remembered with success.
    `level` is 0 for what waits for nothing, else 1 + the highest level waited for. `weight` is the number of steps on the longest
    path that still hangs on this one, itself included.
    `instead_of` is the digest that the tree asks for, where the service is rolled back to another; else "".
    `last` marks the step whose success makes the release applied (false for the stop of a restart).
    """

    id: StepId
    kind: Kind
    digest: str
    spec: RunSpec
    reasons: tuple[Reason, ...]
    waits: tuple[StepId, ...] = ()
    held_by: tuple[str, ...] = ()
    prerequisites: tuple[str, ...] = ()
    level: int = 0
    weight: int = 1
    last: bool = True
    instead_of: str = ""

    @property
    def script(self) -> str:
        """What it runs, relative to the deploy folder."""
        return self.spec.script(self.id.operator)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What would be done for one snapshot. `digest` covers what would be done (not which commit asked for it).

    `steps` are in the documented total order: removals first, then by level, then by name, then stop before start.
    `releases` has the releases of the snapshot that steps run. `kept` are services gone from the tree that policy keeps.
    `renamed` tells of services gone from the tree which new ones they seem to have become.
    """

    digest: str
    config: str  # revision ids
    src: str
    steps: tuple[Step, ...]
    problems: tuple[Problem, ...] = ()
    kept: tuple[str, ...] = ()
    releases: Mapping[str, Release] = field(default_factory=dict, repr=False)
    renamed: Mapping[str, str] = field(default_factory=dict)
