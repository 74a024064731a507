"""One view of where every service stands: the record, and, when a daemon runs, what it is doing now. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from paiwatch.catalog.service import Operator
from paiwatch.domain.run import Outcome
from paiwatch.plan.applied import EVERYTHING, Applied, HeldBy, Hold, Memory, Pin
from paiwatch.plan.guard import HeldPlan
from paiwatch.record.rows import RunRow
from paiwatch.snapshot import Revision


class State(StrEnum):
    """Where one service stands; docs/cli.md explains each word to people."""

    RUNNING = "running"
    WAITING = "waiting"
    BACKING_OFF = "backing-off"
    BLOCKED = "blocked"
    QUARANTINED = "quarantined"
    ROLLED_BACK = "rolled-back"
    SUSPENDED = "suspended"
    STOPPED = "stopped"
    DELETED = "deleted"
    UNFINISHED = "unfinished"
    LINGERING = "lingering"
    INVALID = "invalid"
    KEPT = "kept"
    FAILED = "failed"
    INTERRUPTED = "interrupted"
    HELD = "held"
    UP_TO_DATE = "up-to-date"
    NEVER_STARTED = "never-started"


#: States in which paiwatch owes a service nothing: as asked for, or a person said so.
SETTLED = frozenset({State.UP_TO_DATE, State.KEPT, State.SUSPENDED, State.STOPPED, State.DELETED})


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveStep:
    """A step of the generation in force, as the daemon (or, with none, the record) knows it.

    `state` is a word of the engine's StepProgress: waiting, running, backing-off, succeeded, failed, blocked or held.
    """

    service: str
    operator: str
    state: str
    waiting_for: tuple[str, ...] = ()
    attempt: int = 0
    not_before: float = 0.0  # epoch seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Daemon:
    """A running daemon: its process, and since when (epoch seconds). `faults` are its sources' present troubles."""

    pid: int
    since: float
    settled: bool
    is_draining: bool = False
    faults: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Everything that status is made of. `last_runs` (as seen, see runs) and `holds` are by service; `generation` is the last
    accepted one (0: none yet), `config` and `src` are its revisions.
    """

    generation: int
    config: Revision
    src: Revision
    memory: Memory
    holds: Mapping[str, Hold]
    last_runs: Mapping[str, RunRow]
    steps: Sequence[LiveStep] = ()
    kept: frozenset[str] = frozenset()
    invalid: frozenset[str] = frozenset()
    renamed: Mapping[str, str] = field(default_factory=dict)  # those gone from the tree, to what they became
    daemon: Daemon | None = None
    held_plan: HeldPlan | None = None
    refused: Mapping[str, str] = field(default_factory=dict)  # commits, at the last look; by source


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One service in status."""

    name: str
    state: State
    applied: Applied | None = None
    waiting_for: tuple[str, ...] = ()
    last_run: RunRow | None = None
    held: Hold | None = None
    step: LiveStep | None = None
    held_plan: HeldPlan | None = None  # that would do something for it
    pin: Pin | None = None
    has_errors: bool = False  # in the tree
    renamed_to: str = ""
    renamed_from: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """The whole, services by name. `settled`: nothing runs or is owed to anybody."""

    generation: int
    config: Revision
    src: Revision
    settled: bool
    services: tuple[Line, ...]
    daemon: Daemon | None = None
    held_plan: HeldPlan | None = None
    refused: Mapping[str, str] = field(default_factory=dict)

    @property
    def faults(self) -> Mapping[str, str]:
        """What the daemon says, or, with none, what its last look left."""
        return self.refused if self.daemon is None else self.daemon.faults


def status(facts: Facts) -> Status:
    """Where every service stands that the record or the daemon knows."""
    held = {name for name in facts.holds if name != EVERYTHING}
    recent = {
        name for name, run in facts.last_runs.items() if name in facts.memory or _is_of_today(run, facts)
    }
    open_steps = _open_steps(facts.steps)
    names = facts.memory.keys() | held | recent | open_steps.keys() | _awaiting(facts)
    lines = tuple(
        _line(name, open_steps.get(name), facts) for name in sorted(names | facts.kept | facts.invalid)
    )
    is_calm = facts.daemon is None or facts.daemon.settled
    return Status(
        generation=facts.generation,
        config=facts.config,
        src=facts.src,
        settled=is_calm
        and not (facts.daemon is None and facts.refused)
        and facts.generation > 0
        and all(line.state in SETTLED for line in lines),
        services=lines,
        daemon=facts.daemon,
        held_plan=facts.held_plan,
        refused=facts.refused,
    )


def _is_of_today(run: RunRow, facts: Facts) -> bool:
    """Whether a run alone tells of a service: of one that was removed or given up, only its history does."""
    is_up = run.operator not in {Operator.STOP, Operator.DELETE}
    return run.outcome is None or (is_up and run.generation == facts.generation)


def _awaiting(facts: Facts) -> frozenset[str]:
    """Whom the plan that waits for an approval would do something for."""
    return frozenset(facts.held_plan.services) if facts.held_plan else frozenset()


def _open_steps(steps: Iterable[LiveStep]) -> dict[str, LiveStep]:
    """By service, the step that tells where it stands: the running one, else the first that has not succeeded."""
    found: dict[str, LiveStep] = {}
    for step in steps:
        if step.state == "running" or (step.state != "succeeded" and step.service not in found):
            found[step.service] = step
    return found


def _line(name: str, step: LiveStep | None, facts: Facts) -> Line:
    """One service."""
    memory = facts.memory.get(name)
    return Line(
        name=name,
        state=_state(name, step, facts),
        applied=_applied(memory),
        pin=None if memory is None else memory.pin,
        has_errors=name in facts.invalid,
        renamed_to=facts.renamed.get(name, ""),
        renamed_from=next((old for old, new in facts.renamed.items() if new == name), ""),
        waiting_for=() if step is None else step.waiting_for,
        last_run=facts.last_runs.get(name),
        held=facts.holds.get(name) or facts.holds.get(EVERYTHING),
        step=step,
        held_plan=facts.held_plan if name in _awaiting(facts) else None,
    )


def _applied(memory: Applied | None) -> Applied | None:
    """What is applied, if anything ever was."""
    return memory if memory is not None and memory.digest else None


def _state(name: str, step: LiveStep | None, facts: Facts) -> State:
    """The one word. What happens now comes before what a person said, that before what the tree and the past say."""
    if (present := _present(step, facts.last_runs.get(name))) is not None:
        return present
    hold = facts.holds.get(name) or facts.holds.get(EVERYTHING)
    if hold is not None and hold.by is not HeldBy.QUARANTINED:
        return State(str(hold.by)) if hold.done else State.UNFINISHED
    if facts.held_plan is not None and name in facts.held_plan.services:
        return State.WAITING if facts.held_plan.approved else State.HELD
    if hold is not None and _applies(hold, facts.memory.get(name), step):
        return State(str(hold.by))
    if step is not None:  # blocked, or held by a prerequisite that cannot run
        return State.FAILED if step.state == "failed" else State.BLOCKED
    memory = facts.memory.get(name)
    return _of_the_tree(name, facts) or _remembered(memory, facts.last_runs.get(name))


def _present(step: LiveStep | None, last: RunRow | None) -> State | None:
    """What happens now, if anything does."""
    if step is not None and step.state in {"running", "waiting", "backing-off"}:
        return State(step.state)
    return State.RUNNING if last is not None and last.outcome is None else None  # by an earlier plan


def _of_the_tree(name: str, facts: Facts) -> State | None:
    if name in facts.memory and facts.memory[name].pin is not None:
        return None  # what a person chose runs, whatever the tree says
    if name in facts.invalid:
        return State.INVALID
    return State.KEPT if name in facts.kept else None


def _applies(hold: Hold, memory: Applied | None, step: LiveStep | None) -> bool:
    """A quarantine holds one release only: not a service that has moved on to another.

    What a person went back from need not be tried again: it is blocked by nobody else.
    """
    if hold.by is not HeldBy.QUARANTINED or memory is None or memory.touched == hold.digest:
        return True
    return step is not None and step.state == "blocked" and not step.waiting_for


def _remembered(memory: Applied | None, last: RunRow | None) -> State:
    """What the record alone tells."""
    if memory is not None and memory.touched:
        return State.INTERRUPTED if last is not None and last.outcome is Outcome.INTERRUPTED else State.FAILED
    if memory is not None and memory.pin is not None:
        return State.ROLLED_BACK if memory.digest == memory.pin.release.digest else State.WAITING
    if memory is not None and memory.digest:
        return State.UP_TO_DATE
    return State.NEVER_STARTED
