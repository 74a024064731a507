"""State: everything that paiwatch knows while it lives. One value, replaced by each event, changed by nobody. PURE.

The first part is what the store remembers, so that another life can go on from there. The rest begins anew with each start.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from paiwatch.catalog.service import OnInterruption, Operator
from paiwatch.domain.run import Identity
from paiwatch.engine import holds as holding
from paiwatch.engine.changes import Failure
from paiwatch.engine.commands import Rollback, Service
from paiwatch.engine.events import Commanded, Key
from paiwatch.engine.step_table import StepTable
from paiwatch.news import GenerationAccepted
from paiwatch.plan.applied import Applied, Hold, Memory
from paiwatch.plan.guard import HeldPlan
from paiwatch.plan.plan import Kind, Plan, Step, StepId
from paiwatch.plan.policy import Policy
from paiwatch.releases.release import Desired, Release

_NO_PLAN = Plan(digest="", config="", src="", steps=())

#: What failed, by service and by digest of its release.
Failures = Mapping[str, Mapping[str, Failure]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What the settings say. `converges` is False for a paiwatch that only carries out one command."""

    policy: Policy
    parallel: int = 4
    converges: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """The plan that a person let go ahead ("": none). What a crash left of it has none but these steps, of the same snapshot."""

    digest: str = ""
    snapshot: tuple[str, str] = ("", "")
    steps: frozenset[tuple[str, str, str]] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Unfinished:
    """A run that began and has no end: its paiwatch died. `identity` is None when it died before it knew the process."""

    run: int
    generation: int
    service: str
    operator: Operator
    marker: str
    identity: Identity | None
    interrupted: OnInterruption
    began: float

    @property
    def step(self) -> StepId:
        """The step that was tried."""
        return StepId(service=self.service, operator=self.operator)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lingering:
    """A run that has ended, and processes of it that nobody could end."""

    run: int
    step: StepId
    marker: str
    identity: Identity | None
    pids: frozenset[int]
    since: float

    @property
    def hold(self) -> Hold:
        """What that means for its service."""
        return holding.lingering(self.step, self.run, self.pids, since=self.since)


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What a service runs now. `number` is 0 while its release is being archived: nothing is written down until then.

    `counts`: the plan in force takes it for its own. It is stale when one of its prerequisites was applied after it began: then
    it saw the old one. `before` and `versions` are the service's memory, and the versions of its prerequisites, at its beginning.
    """

    ticket: int
    step: Step
    generation: int
    attempt: int = 0
    counts: bool = True
    is_stale: bool = False
    number: int = 0
    marker: str = ""
    identity: Identity | None = None
    before: Applied | None = None
    versions: Mapping[str, int] = field(default_factory=dict)
    began: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenGeneration:
    """A generation that is not closed: how many of its steps lack an outcome, and whether all others succeeded."""

    plan: Plan
    began: float  # steady
    missing: int
    succeeded: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a person waits for: its steps that have no outcome yet, and what is told with the answer."""

    number: int
    command: Service | Rollback
    pending: frozenset[StepId]
    steps: int
    succeeded: bool = True
    left_out: tuple[str, ...] = ()
    reply: Mapping[str, object] = field(default_factory=dict)

    def owns(self, step: Step) -> bool:
        """Whether a step of the plan in force is one of this request: the trees may ask for a step of the same name."""
        return bool(step.instead_of) if isinstance(self.command, Rollback) else step.kind is Kind.ASKED


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """Why a plan is being made. Nothing begins before it is there.

    `anew`: what got its outcome is tried again. `back`: services that go back though the plan may have to wait. `by` is the request that
    needs this plan, with its reply as far as it is known; `answers` are requests that are answered when the plan is in force.
    """

    anew: bool = False
    back: frozenset[str] = frozenset()
    by: Commanded | None = None
    reply: Mapping[str, object] = field(default_factory=dict)
    answers: tuple[tuple[int, Mapping[str, object]], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """See the module."""

    rules: Rules

    # remembered by the store
    applied: Memory = field(default_factory=dict)
    holds: Mapping[str, Hold] = field(default_factory=dict)  # of persons and interruptions
    failures: Failures = field(default_factory=dict)
    removing: frozenset[str] = frozenset()  # services whose failures are those of their removal
    lingering: Mapping[int, Lingering] = field(default_factory=dict)
    unfinished: Mapping[int, Unfinished] = field(default_factory=dict)
    held_plan: HeldPlan | None = None
    approval: Approval = field(default_factory=Approval)
    retained: Mapping[str, str] = field(
        default_factory=dict
    )  # gone from the tree, to what they are called now
    generation: int = 0  # the newest
    snapshot: tuple[str, str] = ("", "")  # revision ids of config and src, of the newest generation
    last_run: int = 0
    last_event: int = 0

    # of this life
    life: str = ""  # random: makes the markers of its runs unique for good
    version: int = 0  # of all that planning compares
    seen: Desired | None = None  # the newest look, usable or not
    desired: Desired | None = None  # the newest look that a plan can be made from
    has_planned: bool = False  # since the start
    table: StepTable = field(default_factory=lambda: StepTable(_NO_PLAN, 0))
    open: Mapping[int, OpenGeneration] = field(default_factory=dict)
    running: Mapping[str, Run] = field(default_factory=dict)
    releases: Mapping[str, Release] = field(default_factory=dict)  # those that the plan in force runs
    accepted: GenerationAccepted | None = None  # the newest generation of this life
    forgiven: frozenset[Key] = frozenset()  # failures that a person's request ends when it begins
    requests: tuple[Request, ...] = ()  # oldest first
    asked: Ask | None = None
    deferred: tuple[Commanded, ...] = ()  # requests that came while a plan was being made
    told_held: str = ""  # digest of the held plan that was told last
    tickets: int = 0
    is_draining: bool = False

    @property
    def all_holds(self) -> Mapping[str, Hold]:
        """Holds by service; before those, what lingers."""
        if not self.lingering:
            return self.holds
        return {**self.holds, **{each.step.service: each.hold for each in self.lingering.values()}}

    @property
    def in_force(self) -> GenerationAccepted | None:
        """The newest generation while it is not closed."""
        return self.accepted if self.generation in self.open else None

    @property
    def is_settled(self) -> bool:
        """Whether the newest look is planned, every generation is closed, nothing runs, and no plan waits for an approval."""
        return (
            self.has_planned
            and self.asked is None
            and not self.open
            and not self.running
            and self.held_plan is None
            and self.seen is self.desired
        )

    @property
    def is_idle(self) -> bool:
        """Whether nothing runs, and nothing will by the mere passing of time."""
        return not self.running and self.asked is None and (self.is_draining or self.wake_at is None)

    @property
    def has_succeeded(self) -> bool:
        """Whether all that the newest plan asked for is done."""
        return self.table.has_succeeded

    @property
    def wake_at(self) -> float | None:
        """When time alone changes something (steady)."""
        return None if self.is_draining else self.table.next_wake()
