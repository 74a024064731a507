"""Topic of looking and planning at the larger size, without a daemon: the first look, and one after a one-key commit."""

import asyncio
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import jinja2
import yaml

from bench import estate
from bench.estate import Estate, Way
from bench.ground import Ground, NotMeasuredError, Scale
from bench.tables import Budget, Row, Table, median
from bench.trees import Layout
from paiwatch import collector
from paiwatch.daemon.composition import policy_of, survey_of
from paiwatch.daemon.recorded_acceptance import seen
from paiwatch.plan.applied import Applied, Memory
from paiwatch.plan.build import Planner
from paiwatch.plan.target import make_target
from paiwatch.releases.release import Desired
from paiwatch.settings import file as settings_file
from paiwatch.snapshot import Snapshot
from paiwatch.sources.nudge import Nudges
from paiwatch.sources.sources import Sources
from paiwatch.survey import Survey


@dataclass(slots=True)
class Laps:
    """Milliseconds by part of the work."""

    parts: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def lap(self, part: str) -> Iterator[None]:
        """Time a block."""
        began = time.perf_counter()
        yield
        self.parts[part] = (time.perf_counter() - began) * 1e3

    @property
    def total(self) -> float:
        """All parts together."""
        return sum(self.parts.values())


@dataclass(slots=True)
class _Watcher:
    """The daemon's way from trees to a plan, nothing around it."""

    sources: Sources
    survey: Survey
    planner: Planner
    memory: Memory = field(default_factory=dict)
    snapshot: Snapshot | None = None

    async def look(self) -> tuple[Laps, Desired, int]:
        """Times, what is desired, and how many steps that takes."""
        laps = Laps()
        with laps.lap("git"):
            snapshot = (await self.sources.look(self.snapshot)).snapshot
        with laps.lap("survey"):
            read = self.sources.read_config, self.sources.read_src
            desired = await asyncio.to_thread(self.survey.look, snapshot, *read)
        with laps.lap("plan"):
            plan = self.planner.plan(make_target(desired, self.memory), self.memory)
        self.snapshot = snapshot
        return laps, desired, len(plan.steps)


@dataclass(slots=True)
class _Plain:
    """Everything rendered, by Jinja2 alone."""

    texts: list[str]
    contexts: list[Mapping[str, Any]]
    compiled: list[jinja2.Template] = field(default_factory=list)

    def compile(self) -> float:
        """Milliseconds to compile every text once."""
        began = time.perf_counter()
        environment = jinja2.Environment(undefined=jinja2.StrictUndefined, keep_trailing_newline=True)
        known = {text: environment.from_string(text) for text in dict.fromkeys(self.texts)}
        self.compiled = [known[text] for text in self.texts]
        return (time.perf_counter() - began) * 1e3

    def render(self) -> float:
        """Milliseconds to render every compiled template."""
        began = time.perf_counter()
        for template, context in zip(self.compiled, self.contexts, strict=True):
            template.render(context)
        return (time.perf_counter() - began) * 1e3


def measure(ground: Ground, scale: Scale) -> Table:
    """The first look and plan, then looks and plans after commits of one key of one service; the same from one large file."""
    collector.calm()  # as the command does
    place = estate.lay_out(ground, scale.large, Layout.SPLIT, name="planning", alike=4)
    plain = _plain(place)
    floors = [plain.compile() + plain.render()]
    cold, warm = asyncio.run(_watched(place, plain, floors, rounds=scale.large_pushes))
    table = Table(
        title=f"look and plan, {scale.large:,} services, {len(plain.texts):,} templates, {len({*plain.texts}):,} different",
        floor="all templates by plain Jinja2: first look, compiled and rendered; later ones, rendered from compiled",
    )
    table.rows = [
        Row(what="first look", ours=cold.total, floor=floors[0], budget=Budget(ratio=1.2)),
        *(Row(what=f"  {part}", ours=cost) for part, cost in cold.parts.items()),
        *_warm_rows("one-key commit", warm, floors[1:], Budget(ratio=0.1)),
    ]
    place = estate.lay_out(ground, scale.large, Layout.ONE, name="one-file", alike=100)
    later: list[float] = []
    _, warm = asyncio.run(_watched(place, plain, later, rounds=max(2, scale.large_pushes // 2)))
    table.rows += _warm_rows(f"the same, all {scale.large:,} sections in one file", warm, later, None)
    return table


def _warm_rows(what: str, warm: list[Laps], floors: list[float], budget: Budget | None) -> list[Row]:
    total = median(laps.total for laps in warm)
    return [
        Row(what=f"{what}, p50 of {len(warm)}", ours=total, floor=median(floors), budget=budget),
        *(Row(what=f"  {part}", ours=median(laps.parts[part] for laps in warm)) for part in warm[0].parts),
    ]


async def _watched(
    place: Estate, plain: _Plain, floors: list[float], *, rounds: int
) -> tuple[Laps, list[Laps]]:
    """Look, remember everything as applied, then commit, look and render in turns."""
    place.write_settings(Way.PATH)
    settings = settings_file.load(place.settings, {})
    memories = seen(settings.state)
    sources = Sources(settings.config, settings.src, settings.state, Nudges(), memories=memories)
    watcher = _Watcher(sources, survey_of(settings), Planner(policy_of(settings)))
    try:
        cold, desired, _ = await watcher.look()
        if desired.problems:
            raise NotMeasuredError(f"the generated tree has a problem: {desired.problems[0]}")
        watcher.memory = _remembered(desired)
        warm = []
        for number in range(rounds + 1):
            service = place.commit()
            place.push(place.config)
            laps, desired, steps = await watcher.look()
            if steps != 1:
                raise NotMeasuredError(f"a change of {service} alone planned {steps} steps")
            watcher.memory = {**watcher.memory, service: _applied(desired, service)}
            floors.append(plain.render())
            warm += [laps] if number else []
    finally:
        await sources.stop()
    return cold, warm


def _remembered(desired: Desired) -> dict[str, Applied]:
    return {service: _applied(desired, service) for service in desired.releases}


def _applied(desired: Desired, service: str) -> Applied:
    """As after a successful run of every service, once."""
    release, declared = desired.releases[service], desired.services[service]
    return Applied(
        service=service,
        digest=release.digest,
        version=1,
        prerequisites={edge.service: 1 for edge in declared.prerequisites},
        files=release.files,
        reads=release.reads,
    )


def _plain(place: Estate) -> _Plain:
    """Every template, and what its rendering is given."""
    files = place.plot.config_files({})
    cluster_cfg = {
        name.removesuffix(".yaml"): yaml.load(text, Loader=yaml.CSafeLoader) for name, text in files.items()
    }
    templates = [(path, text) for path, text in place.plot.src_files() if path.endswith(".template")]
    contexts = [
        {"cluster_cfg": cluster_cfg, "service": {"name": path.split("/")[1]}} for path, _ in templates
    ]
    return _Plain([text for _, text in templates], [*contexts])
