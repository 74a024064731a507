"""The world as the daemon would see it, for verbs that only look: both trees now, the record, and the plan they make.

Nothing is written to the state folder: sources live in a temporary folder, and only borrow objects from the state's mirrors.
"""

import asyncio
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from paiwatch.cli.progress import working
from paiwatch.daemon import recorded_acceptance
from paiwatch.daemon.composition import policy_of, survey_of
from paiwatch.plan import guard
from paiwatch.plan.applied import EVERYTHING, Hold, Memory
from paiwatch.plan.build import build
from paiwatch.plan.guard import HeldPlan
from paiwatch.plan.plan import Plan
from paiwatch.plan.target import Target, make_target
from paiwatch.problem import Problem
from paiwatch.record import layout
from paiwatch.record.archive import Archive, Files
from paiwatch.record.history import History
from paiwatch.releases.release import Desired, RenderedFiles
from paiwatch.report import notes
from paiwatch.scrub import Scrubber
from paiwatch.settings.sections import Settings
from paiwatch.snapshot import Contents, Snapshot
from paiwatch.sources.nudge import Nudges
from paiwatch.sources.sources import Sources
from paiwatch.survey import Survey
from paiwatch.survey.rendering import Rendering, expect


@dataclass(frozen=True, slots=True)
class Revisions:
    """A branch, tag or commit for each source; None means the newest of that source."""

    config: str | None = None
    src: str | None = None


NEWEST = Revisions()


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """One look. `plan` is the very object that the daemon would run; contents can be read while the look is open.

    `old` gives the files that a service's step would replace: of the applied release, or of the snapshot compared with;
    `archived` those of a release by its digest.
    """

    target: Target
    memory: Memory
    holds: Mapping[str, Hold]
    plan: Plan
    survey: Survey
    rendering: Rendering
    sources: Sources
    old: Callable[[str], Files]
    scrubber: Scrubber
    left_out: tuple[Problem, ...]  # files that the sources could not read, and commits that they refused
    archived: Callable[[str], Files] = lambda _: {}
    refused: frozenset[str] = frozenset()  # sources whose newest commit is not taken
    held: HeldPlan | None = None  # the plan, when it needs an approval

    @property
    def desired(self) -> Desired:
        """What the trees ask for."""
        return self.target.desired

    @property
    def read_src(self) -> Contents:
        """Contents of src files by id."""
        return self.sources.read_src

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Everything that is wrong with the trees."""
        return tuple(dict.fromkeys((*self.left_out, *self.plan.problems)))

    def scrub(self, text: str) -> str:
        """The text without the secret values of this snapshot."""
        return self.scrubber.scrub(text)

    def render(self, service: str) -> RenderedFiles:
        """The rendered files of this service. Raises StalledError when it has no release."""
        with working(f"rendering {service}"):
            return expect(self.rendering.render(service))


@contextmanager
def look(settings: Settings, at: Revisions = NEWEST) -> Iterator[View]:
    """Look at both sources and the record. Raises TransientError, StalledError or StoreError when one cannot be read."""
    with opened(settings) as sources:
        yield _examine(settings, sources, at)


@contextmanager
def opened(settings: Settings) -> Iterator[Sources]:
    """Both sources, in a temporary folder of their own."""
    with tempfile.TemporaryDirectory(prefix="paiwatch-look-") as home:
        memories = recorded_acceptance.seen(settings.state)
        sources = Sources(
            settings.config, settings.src, Path(home), Nudges(), memories=memories, lender=settings.state
        )
        try:
            yield sources
        finally:
            asyncio.run(sources.stop())


def survey_at(survey: Survey, sources: Sources, snapshot: Snapshot) -> Desired:
    """What this snapshot asks for."""
    with working("rendering"):
        return survey.look(snapshot, sources.read_config, sources.read_src)


def _examine(settings: Settings, sources: Sources, at: Revisions) -> View:
    """Snapshot, survey, memory, plan: the daemon's pass, up to where something would happen."""
    with working("reading config and src"):
        found = asyncio.run(sources.look(config_rev=at.config, src_rev=at.src))
    with History.open(settings.state) as past:
        memory, holds, waiting = past.applied(), past.holds(), past.held_plan()
    survey = survey_of(settings)
    survey.remember(memory)
    desired = survey_at(survey, sources, found.snapshot)
    desired = replace(desired, problems=(*desired.problems, *found.left_out))
    scrubber = Scrubber(desired.secrets)
    policy = policy_of(settings)
    target = make_target(desired, memory)
    plan = build(target, memory, policy)
    archived = _archived(settings.state, scrubber)
    return View(
        target=target,
        memory=memory,
        holds=holds,
        plan=plan,
        survey=survey,
        rendering=survey.rendering,
        sources=sources,
        old=lambda service: archived(memory[service].digest) if service in memory else {},
        archived=archived,
        scrubber=scrubber,
        left_out=found.problems,
        refused=frozenset(found.refusals),
        held=_held(guard.judge(plan, memory, policy.guard), waiting),
    )


def _held(found: HeldPlan | None, waiting: HeldPlan | None) -> HeldPlan | None:
    """The plan as the record knows it, if that is the one that waits."""
    return waiting if found and waiting and found.digest == waiting.digest else found


def _archived(state: Path, scrubber: Scrubber) -> Callable[[str], Files]:
    """The archived files of a release, by digest; none when it is not kept.

    Whoever gets them has their secrets masked too, of which the present configuration may know nothing.
    """
    archive = Archive(layout.archive_folder(state))

    def files(digest: str) -> Files:
        if not digest or not archive.has(digest):
            return {}
        scrubber.register(archive.secrets(digest))
        return archive.load(digest)

    return files


def holds_in_force(seen: View, service: str | None = None) -> tuple[Hold, ...]:
    """Holds on services that have steps in the plan; of one service, or of all. A quarantine holds its release only."""
    planned = {step.id.service: step.digest for step in seen.plan.steps}
    names = {*(planned if service is None else {service}), EVERYTHING}
    return tuple(
        hold
        for name, hold in sorted(seen.holds.items())
        if name in names and (not hold.digest or planned.get(name, hold.digest) == hold.digest)
    )


def hold_text(hold: Hold, *, now: float) -> str:
    """`web: suspended 3 min ago: maintenance; paiwatch resume web`."""
    name = "every service" if hold.service == EVERYTHING else hold.service
    remedy = notes.remedy(hold) if hold.done else ""
    return f"{name}: {notes.held(hold, hold.service, now=now)}{'; ' if remedy else ''}{remedy}"
