"""News: what just happened, as frozen values. Logs, terminals and later metrics listen; the core knows none of them."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from paiwatch.domain.principal import Principal
from paiwatch.domain.run import Outcome, RunResult
from paiwatch.plan.guard import HeldPlan
from paiwatch.plan.plan import Plan, Step
from paiwatch.problem import Problem
from paiwatch.snapshot import Revision
from paiwatch.sources.refused_commit import Refusal


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationAccepted:
    """A plan became a generation. `plan` may be empty: the commit was seen and asks for nothing."""

    generation: int
    config: Revision
    src: Revision
    plan: Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanHeld:
    """A plan does so much that it waits for an approval; `steps` counts its steps. Nothing of it runs."""

    plan: HeldPlan
    steps: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanApproved:
    """A person approved the plan that waited."""

    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StepBegan:
    """A run's intent is durable and its script is about to start."""

    run: int
    generation: int
    attempt: int
    step: Step


@dataclass(frozen=True, slots=True, kw_only=True)
class StepEnded:
    """A run ended and its outcome is durable. `retry_in` is seconds until it is tried again, None if it is not."""

    run: int
    generation: int
    attempt: int
    step: Step
    result: RunResult
    retry_in: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StepDismissed:
    """A step of a generation will not run: superseded or blocked."""

    generation: int
    step: Step
    outcome: Outcome
    because: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StepQuarantined:
    """Retries are used up; a person or another release has to come. `note` says why a rollback that was asked for is none."""

    generation: int
    step: Step
    attempts: int
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceRolledBack:
    """An archived release runs in place of what the tree asks for; `by` is person or policy, `followers` go back with it."""

    service: str
    release: str
    instead_of: str
    by: str
    because: str
    followers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RollbackEnded:
    """The service is to run what the tree asks for again."""

    service: str
    because: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationClosed:
    """Every step has its outcome. `replaced`: a newer generation took over what had not started."""

    generation: int
    succeeded: bool
    replaced: bool
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LookFailed:
    """The world could not be read; the last good state stays and the next look comes by itself."""

    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LookRecovered:
    """The world can be read again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitRefused:
    """The newest commit of a source breaks its rules; the last good one stays in force."""

    source: str
    refusal: Refusal


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusalEnded:
    """The newest commit of a source keeps its rules again."""

    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StateFailed:
    """Something that must be remembered cannot be written; nothing moves past it, and it is tried again by itself."""

    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StateRecovered:
    """Everything could be written after all; nothing is lost."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PruneFailed:
    """What retention no longer keeps could not be removed; it is tried again when the next generation closes."""

    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProblemsFound:
    """The faults of a new snapshot, all of them."""

    problems: tuple[Problem, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunInterrupted:
    """A run of an earlier paiwatch had no end; `ended` counts processes of it that still lived and were ended.

    `held` says that its service waits for a person now.
    """

    run: int
    service: str
    operator: str
    ended: int
    held: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandGiven:
    """A person changed something: what was asked for (`verb`, with its operator for `service`), for whom, why, and by whom.

    `source` and `commit` are those of an accepted rewrite.
    """

    verb: str
    services: tuple[str, ...]
    reason: str
    principal: Principal
    operator: str = ""
    source: str = ""
    commit: str = ""


class Phase(StrEnum):
    """Where the daemon itself stands."""

    STARTED = "started"
    READY = "ready"
    STOPPING = "stopping"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True, kw_only=True)
class DaemonMoved:
    """The daemon entered a phase of its life."""

    phase: Phase


News = (
    DaemonMoved
    | GenerationAccepted
    | PlanHeld
    | PlanApproved
    | StepBegan
    | StepEnded
    | StepDismissed
    | StepQuarantined
    | ServiceRolledBack
    | RollbackEnded
    | GenerationClosed
    | LookFailed
    | LookRecovered
    | CommitRefused
    | RefusalEnded
    | StateFailed
    | StateRecovered
    | PruneFailed
    | ProblemsFound
    | RunInterrupted
    | CommandGiven
)
Listener = Callable[[News], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Missed:
    """Stands where a follower that read too slowly missed so many pieces of news. Nobody tells it: it is no news of anything."""

    count: int
