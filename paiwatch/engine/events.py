"""Events: everything that can happen to the engine. Values only. PURE."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from paiwatch.domain.principal import Principal
from paiwatch.domain.run import Identity, RunResult
from paiwatch.engine.commands import Act
from paiwatch.engine.proposal import Proposal
from paiwatch.plan.applied import Former
from paiwatch.releases.release import Desired


@dataclass(frozen=True, slots=True)
class Moment:
    """When something happens: seconds of the monotonic clock, and of the epoch. `steady` never goes back."""

    steady: float
    wall: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovered:
    """A run that an earlier paiwatch left without an end: how many of its processes were ended, and which could not be."""

    run: int
    ended: int = 0
    left: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """paiwatch begins; nothing of what an earlier one had running is there any more, but for what `left` names."""

    recovered: tuple[Recovered, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """The world was read. While nothing moved it is the very same object as before."""

    desired: Desired


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposed:
    """The plan that was asked for is made."""

    proposal: Proposal


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """The release of a step is archived, so its run may be written down.

    `touches` is False where it could not be archived: the run then ends without having begun anything.
    """

    ticket: int
    touches: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStarted:
    """The process of a run is known."""

    run: int
    identity: Identity


@dataclass(frozen=True, slots=True, kw_only=True)
class RunEnded:
    """A run ended, its output is durable and nothing of it is left but what the result names."""

    run: int
    result: RunResult


@dataclass(frozen=True, slots=True, kw_only=True)
class LingeringEnded:
    """Processes that nobody could end are gone by now, for these runs."""

    runs: frozenset[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Commanded:
    """A person asks for something. `number` names the request, and its answer."""

    number: int
    command: Act
    principal: Principal


@dataclass(frozen=True, slots=True, kw_only=True)
class Archived:
    """The releases that a person wants to be taken for applied are archived."""

    asked: Commanded
    desired: Desired


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdrawn:
    """What came of this request could not be written down, and the person was told: nobody waits for it any more."""

    number: int


@dataclass(frozen=True, slots=True)
class TakenUp:
    """The oldest request that came while a plan was being made is taken up."""


@dataclass(frozen=True, slots=True)
class Ticked:
    """Time passed; nothing else happened."""


@dataclass(frozen=True, slots=True)
class Draining:
    """Begin nothing more; what runs may finish."""


Event = (
    Started
    | Looked
    | Proposed
    | Prepared
    | RunStarted
    | RunEnded
    | LingeringEnded
    | Commanded
    | Archived
    | Withdrawn
    | TakenUp
    | Ticked
    | Draining
)

#: A service and the digest of its release.
Key = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedRun:
    """A run that a person named: whose, its release, and whether that was applied by it."""

    service: str
    digest: str
    brought_up: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """What only the store remembers, for the one service that a rollback is chosen for.

    `formers` are the good releases before the present ones, newest first, by service; `changed` what each generation was to bring in;
    `archived` are the digests whose files are still there. `last_run` is the newest run of what the service leaves. `run` and `revisions` answer
    to what a person named: the run of that number, and by each revision that begins so, the release that was applied after it ("": none).
    """

    service: str = ""
    formers: Mapping[str, tuple[Former, ...]] = field(default_factory=dict)
    changed: Mapping[int, frozenset[Key]] = field(default_factory=dict)
    archived: frozenset[str] = frozenset()
    last_run: int = 0
    run: NamedRun | None = None
    revisions: Mapping[str, str] = field(default_factory=dict)
