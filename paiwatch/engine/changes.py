"""Changes: what the store is told to remember. Values only. PURE.

Each is one fact, already decided. Those of one event are written as one transaction, in their order.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from paiwatch.domain.run import Identity, Outcome, RunResult
from paiwatch.news import News
from paiwatch.plan.applied import Applied, Hold, Pin
from paiwatch.plan.guard import HeldPlan
from paiwatch.plan.plan import Plan, Step, StepId
from paiwatch.snapshot import Revision


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """What failed in a row for one release of a service; the newest of it was `run`.

    `attempts` failed; the next may come at `retry_at` (epoch seconds); `quarantined` (since then) needs a person or another release.
    The rest lives no longer than the process: `not_before` is the same moment of the monotonic clock, `rests` counts runs in a row that
    did not count, and `inherited` is what an earlier paiwatch may have died over, before it said what follows.
    """

    service: str
    digest: str
    attempts: int = 0
    retry_at: float = 0.0
    quarantined: bool = False
    since: float = 0.0
    because: str = ""
    run: int = 0
    not_before: float = 0.0
    rests: int = 0
    inherited: bool = False

    @property
    def is_durable(self) -> bool:
        """Whether the store remembers it: a run that did not count leaves nothing behind."""
        return bool(self.attempts) or self.quarantined


# ── generations ─────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationOpened:
    """A plan was accepted, with its steps and reasons (also an empty one)."""

    generation: int
    plan: Plan
    config: Revision
    src: Revision
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationClosed:
    """Every step of it has its outcome."""

    generation: int
    succeeded: bool
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationsAbandoned:
    """What an earlier paiwatch left open is closed: steps without an outcome are superseded."""

    because: str
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class StepSettled:
    """A step has this outcome without a run of its own: it was dismissed, or a run of an older generation did it."""

    generation: int
    step: StepId
    outcome: Outcome
    because: str
    dismissed: bool = True


# ── runs ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class RunIntended:
    """Intent before act: a script is about to begin. `marker` is its PAIWATCH_RUN_ID."""

    run: int
    generation: int
    step: Step
    attempt: int
    marker: str
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RunIdentified:
    """Its process is known."""

    run: int
    identity: Identity


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFinished:
    """It ended; its step has that outcome."""

    run: int
    generation: int
    step: StepId
    result: RunResult
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RunInterrupted:
    """It was cut off with the paiwatch that ran it. `lingering` are processes of it that nobody could end."""

    run: int
    generation: int
    step: StepId
    because: str
    lingering: frozenset[int]
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LingeringGone:
    """Nothing of this run is left any more."""

    run: int


# ── what services are ───────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class AppliedPut:
    """What is remembered of the service now, but for its pin."""

    applied: Applied


@dataclass(frozen=True, slots=True, kw_only=True)
class AppliedDropped:
    """Nothing is remembered of it any more, nor what it could go back to."""

    service: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FormerKept:
    """A good release that the service is about to leave, in this generation."""

    applied: Applied
    generation: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PinPut:
    """The service is rolled back."""

    service: str
    pin: Pin


@dataclass(frozen=True, slots=True, kw_only=True)
class PinDropped:
    """It runs again what the tree asks for."""

    service: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceAdopted:
    """A person says how the service is: what follows from that is written beside this."""

    service: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldPut:
    """A person or an interruption holds the service, in place of whatever did."""

    hold: Hold
    asked: bool = False  # by a command of its own


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldDropped:
    """Nothing holds it any more."""

    service: str
    asked: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class FailurePut:
    """What is known of the failures of one release now."""

    failure: Failure


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureDropped:
    """They do not count any more."""

    service: str
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FailuresForgiven:
    """What failed before does not count any more, by a person's word or in a new situation: what follows from that is written beside this."""


# ── plans that wait, services that stay, what is told ───────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldPlanPut:
    """The plan that waits for a person; None: none does."""

    plan: HeldPlan | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalPut:
    """The plan that may go ahead, and no other; "": none."""

    digest: str
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RetainedPut:
    """Services that are gone from the tree and stay as they are, to what they are called now ("" for nothing)."""

    services: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class EventRecorded:
    """Something happened that is told for good, in the transaction of the facts that it tells."""

    number: int
    at: float
    news: News


Change = (
    GenerationOpened
    | GenerationClosed
    | GenerationsAbandoned
    | StepSettled
    | RunIntended
    | RunIdentified
    | RunFinished
    | RunInterrupted
    | LingeringGone
    | AppliedPut
    | AppliedDropped
    | FormerKept
    | PinPut
    | PinDropped
    | ServiceAdopted
    | HoldPut
    | HoldDropped
    | FailurePut
    | FailureDropped
    | FailuresForgiven
    | HeldPlanPut
    | ApprovalPut
    | RetainedPut
    | EventRecorded
)
