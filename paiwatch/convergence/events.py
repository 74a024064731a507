"""Events in, intents out: the vocabulary of the state machine. Values only. PURE.

Times (`now`, `at`) are seconds of one monotonic clock, whichever the caller uses.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from paiwatch.plan.applied import Hold
from paiwatch.plan.plan import Plan, Step, StepId


class Outcome(StrEnum):
    """How a run ended, or why a step never got one."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    TIMED_OUT = "timed-out"
    INTERRUPTED = "interrupted"
    SUPERSEDED = "superseded"
    BLOCKED = "blocked"


# ── events ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A plan was accepted as a generation, and with it `holds`; it replaces whatever has not started."""

    plan: Plan
    generation: int
    holds: tuple[Hold, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """The run of a step ended. `generation` is the one that began it."""

    step: StepId
    digest: str
    generation: int
    outcome: Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldsChanged:
    """Suspended, stopped and deleted services as they are now, all of them. (Quarantine is the machine's own.)"""

    holds: Mapping[str, Hold]


@dataclass(frozen=True, slots=True, kw_only=True)
class Retried:
    """A person asks to try failed steps again at once: these services, or all when empty.

    What backs off runs now. What was quarantined or blocked has its outcome in its generation, so plan again right
    after this event: the new generation tries it.
    """

    services: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class RolledBack:
    """A person rolled a service back: the release it ran counts as quarantined, failures of the other are forgotten.

    Plan again right after this event.
    """

    service: str
    instead_of: str
    release: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Forgiven:
    """These services and releases failed in another situation than the present one: that does not count any more."""

    inputs: frozenset[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Tick:
    """Time passed; nothing else happened."""


@dataclass(frozen=True, slots=True)
class Draining:
    """Start nothing more; what runs may finish."""


Event = Planned | Ended | HoldsChanged | Retried | RolledBack | Forgiven | Tick | Draining


# ── intents ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class Begin:
    """Write the intent down, then run the step. `attempt` counts from 1 for this service and release."""

    step: Step
    generation: int
    attempt: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Dismiss:
    """The step will not run under its generation: superseded by a newer plan, or blocked for good."""

    step: Step
    generation: int
    outcome: Outcome  # superseded | blocked
    because: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Quarantine:
    """Retries are used up: hold this release of this service until a person or a new release comes."""

    step: Step
    generation: int
    attempts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Close:
    """Every step of the generation has its outcome."""

    generation: int
    succeeded: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Wake:
    """Send a Tick at this time, unless another Wake comes first."""

    at: float


Intent = Begin | Dismiss | Quarantine | Close | Wake


@dataclass(frozen=True, slots=True, kw_only=True)
class Failures:
    """What is known of one release's failures: survives plans and, by the record, restarts.

    `attempts` failed in a row; nothing is tried before `not_before`; `quarantined` needs a person or another release.
    """

    attempts: int
    not_before: float
    quarantined: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Where each step of the current generation stands, for status. `waiting_for` names services."""

    state: str  # waiting | running | backing-off | succeeded | failed | blocked | held
    waiting_for: tuple[str, ...] = ()
    attempt: int = 0
    not_before: float = 0.0


#: Failures by (service, release digest).
FailureBook = Mapping[tuple[str, str], Failures]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much may run at once."""

    parallel: int = 4
