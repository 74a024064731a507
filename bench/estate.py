"""An estate: generated repositories, the state of a paiwatch that has adopted them, and commits pushed to both sides.

Ours and the floor have bare repositories of their own with the same commits, so that neither wakes the other.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from bench import children
from bench.ground import Ground
from bench.repositories import Git
from bench.trees import Layout, Plot


class Way(StrEnum):
    """How the daemon reaches the config repository."""

    PATH = "path"  # read in place, branch watched
    FETCH = "fetch"  # file:// URL


@dataclass(slots=True)
class Estate:
    """Everything below `root`. `services` are in src.git, the configuration in config.git and floor.git alike."""

    ground: Ground
    root: Path
    plot: Plot
    revisions: dict[str, int] = field(default_factory=dict)
    turns: Iterator[str] = field(init=False)

    def __post_init__(self) -> None:
        self.turns = iter(self.plot.leaves)

    @property
    def config(self) -> Path:
        """The bare repository that paiwatch follows."""
        return self.root / "config.git"

    @property
    def floor(self) -> Path:
        """The bare repository that the floor follows."""
        return self.root / "floor.git"

    @property
    def settings(self) -> Path:
        """config.yaml."""
        return self.root / "config.yaml"

    @property
    def log(self) -> Path:
        """What the daemon prints."""
        return self.root / "daemon.log"

    def build(self) -> None:
        """Generate and commit everything; the floor's script writes to a file of its own."""
        git = Git(self.ground)
        git.bare(self.root / "src.git", self.plot.src_files())
        git.bare(self.config, sorted(self.plot.config_files({}).items()))
        git.copy(self.config, self.floor)
        git.copy(self.floor, self.root / "floor-mirror.git")
        git.clone(self.config, self.root / "work")
        self.plot.trace.touch()
        self.floor_trace.touch()
        script = Plot(0, self.plot.layout, self.floor_trace).script("refresh")
        (self.root / "floor.sh").write_text(script)

    @property
    def floor_trace(self) -> Path:
        """Where the floor's script writes."""
        return self.root / "floor.trace"

    def write_settings(self, way: Way) -> None:
        """config.yaml for this way; polls are an hour apart, so that no measurement meets one."""
        repo = str(self.config) if way is Way.PATH else self.config.as_uri()
        self.settings.write_text(
            f"config: {{repo: '{repo}', branch: main, folder: ., poll: 1h}}\n"
            f"src: {{repo: '{self.root / 'src.git'}', branch: main, folder: src, poll: 1h}}\n"
            f"state: {self.root / 'state'}\n"
        )

    def adopt(self) -> None:
        """Let paiwatch take everything as applied, so that a daemon starts without running every script first."""
        self.write_settings(Way.PATH)
        children.output(
            (sys.executable, "-m", "paiwatch", "-c", str(self.settings), "adopt"),
            env=self.ground.environment,
            cwd=self.root,
        )

    def commit(self) -> str:
        """Commit one changed key of one service that nobody depends on; gives the service."""
        service = next(self.turns, None) or self._anew()
        self.revisions[service] = self.revisions.get(service, 0) + 1
        file = self.plot.config_file(service)
        work = self.root / "work"
        (work / file).write_text(self.plot.config_files(self.revisions)[file])
        Git(self.ground).run(work, "commit", "--quiet", "--all", "--message", f"{service}: next revision")
        return service

    def push(self, target: Path) -> None:
        """Push what is committed to one side."""
        Git(self.ground).run(self.root / "work", "push", "--quiet", str(target), "HEAD:refs/heads/main")

    def _anew(self) -> str:
        self.turns = iter(self.plot.leaves)
        return next(self.turns)


def lay_out(ground: Ground, services: int, layout: Layout, *, name: str, alike: int) -> Estate:
    """A new estate in a folder of this name, unknown to any paiwatch."""
    root = ground.folder(name)
    estate = Estate(ground, root, Plot(services, layout, root / "trace", alike))
    estate.build()
    return estate


def adopted(ground: Ground, services: int) -> Estate:
    """A new estate that paiwatch has adopted. Raises NotMeasuredError when it cannot."""
    estate = lay_out(ground, services, Layout.SPLIT, name=f"adopted-{services}", alike=4)
    estate.adopt()
    return estate
