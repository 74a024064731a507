"""Effects: what the engine wants done about an event. Values only. PURE.

The event loop first makes `Commit` durable, and does nothing else before that.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from paiwatch.engine.changes import Change
from paiwatch.engine.events import Commanded
from paiwatch.news import News
from paiwatch.plan.plan import Step
from paiwatch.plan.target import Target
from paiwatch.problem import Problem
from paiwatch.releases.release import Desired, Release, RenderedFiles


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """Write these changes down, as one transaction.

    `asked_by` is the request that nobody else waits for: where its changes cannot be written, the person is told and
    nothing has happened. 0: the engine has decided; it is tried again until it is written.
    """

    changes: tuple[Change, ...]
    asked_by: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class MakePlan:
    """Plan over the state as it is now; the answer is `Proposed`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What the runs of one generation need: the target that they see, and its releases.

    `rendered` are those of the tree, with the bytes to archive; `archived` stand in for what the tree asks for (a rollback).
    """

    target: Target
    rendered: Mapping[str, RenderedFiles] = field(repr=False)
    archived: Mapping[str, Release] = field(repr=False)

    def files(self, step: Step) -> RenderedFiles | None:
        """The files to archive before the step runs; None when it runs an archived release."""
        files = self.rendered.get(step.id.service)
        return files if files is not None and files.release.digest == step.digest else None


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenScene:
    """Keep this for the runs of the generation."""

    generation: int
    scene: Scene


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseScene:
    """No run of the generation will come any more."""

    generation: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepare:
    """Archive the release of this step; the answer is `Prepared`."""

    ticket: int
    step: Step
    generation: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """Run the script; the answers are `RunStarted` and `RunEnded`. Its intent is durable."""

    ticket: int
    run: int
    marker: str
    step: Step
    generation: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Archive:
    """Archive the releases of these services, without a run; the answer is `Archived`."""

    asked: Commanded
    desired: Desired
    services: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tell:
    """Something happened, and is durable; `number` counts what is told for good, 0 for what is told once."""

    news: News
    number: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The answer to a request: what became of it, by the names that its door uses."""

    number: int
    reply: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Refuse:
    """The answer to a request that is not done: why, and every fault of it."""

    number: int
    why: str
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class Prune:
    """Something is over: forget what retention does not keep."""


@dataclass(frozen=True, slots=True)
class TakeUp:
    """A request waits that came while a plan was being made: hand `TakenUp` in before anything else."""


Effect = (
    TakeUp
    | Commit
    | MakePlan
    | OpenScene
    | CloseScene
    | Prepare
    | Launch
    | Archive
    | Tell
    | Answer
    | Refuse
    | Prune
)
