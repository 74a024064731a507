"""The world as the daemon would see it, for verbs that only look: both trees now, the record, and the plan they make.

Nothing is written to the state folder: sources live in a temporary folder, and only borrow objects from the state's mirrors.
"""

import asyncio
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from paiwatch.cli.progress import working
from paiwatch.composition import policy_of, survey_of
from paiwatch.plan.applied import EVERYTHING, Hold, Memory
from paiwatch.plan.build import build
from paiwatch.plan.plan import Plan
from paiwatch.problem import Problem
from paiwatch.record.history import History
from paiwatch.releases.release import Desired, Release
from paiwatch.report import times
from paiwatch.scrub import Scrubber
from paiwatch.settings import Settings
from paiwatch.snapshot import Contents
from paiwatch.sources.nudge import Nudges
from paiwatch.sources.sources import Sources
from paiwatch.survey import Survey


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """One look. `plan` is the very object that the daemon would run; `read_src` gives contents while the look is open."""

    state: Path
    desired: Desired
    memory: Memory
    holds: Mapping[str, Hold]
    plan: Plan
    survey: Survey
    read_src: Contents
    scrubber: Scrubber
    left_out: tuple[Problem, ...]  # files that the sources could not read

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Everything that is wrong with the trees."""
        return (*self.left_out, *self.plan.problems)

    def scrub(self, text: str) -> str:
        """The text without the secret values of this snapshot."""
        return self.scrubber.scrub(text)

    def render(self, service: str) -> Release:
        """The service's release with the bytes of its rendered files."""
        with working(f"rendering {service}"):
            return self.survey.render(service)


@contextmanager
def look(settings: Settings) -> Iterator[View]:
    """Look at both sources and the record. Raises TransientError, StalledError or StoreError when one cannot be read."""
    with tempfile.TemporaryDirectory(prefix="paiwatch-look-") as home:
        sources = Sources(settings.config, settings.src, Path(home), Nudges(), lender=settings.state)
        try:
            yield _examine(settings, sources)
        finally:
            asyncio.run(sources.stop())


def _examine(settings: Settings, sources: Sources) -> View:
    """Snapshot, survey, memory, plan: the daemon's pass, up to where something would happen."""
    with working("reading config and src"):
        snapshot = asyncio.run(sources.look())
    survey = survey_of(settings)
    with working("rendering"):
        desired = survey.look(snapshot, sources.read_config, sources.read_src)
    with History.open(settings.state) as past:
        memory, holds = past.applied(), past.holds()
    return View(
        state=settings.state,
        desired=desired,
        memory=memory,
        holds=holds,
        plan=build(desired, memory, policy_of(settings)),
        survey=survey,
        read_src=sources.read_src,
        scrubber=Scrubber(desired.secrets),
        left_out=sources.problems,
    )


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
    """`web: suspended 3 min ago: maintenance`."""
    name = "every service" if hold.service == EVERYTHING else hold.service
    return f"{name}: {hold.by} {times.ago(hold.since, now)}: {hold.reason or 'no reason given'}"
