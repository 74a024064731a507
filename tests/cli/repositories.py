"""A world whose two sources are real repositories with a history: for everything that names revisions and commits."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from paiwatch.cli import view
from paiwatch.record import layout
from paiwatch.record.archive import Archive, static_ids
from paiwatch.settings import file as settings_file
from tests.cli.worlds import FILES, World
from tests.record.runs import Records
from tests.sources import origins


@dataclass(frozen=True, slots=True)
class History:
    """A world with a `config` and a `platform` repository, both on main."""

    world: World

    @property
    def config(self) -> Path:
        return self.world.root / "config"

    @property
    def platform(self) -> Path:
        return self.world.root / "platform"

    def commit_config(self, files: Mapping[str, origins.Content], subject: str = "Change things") -> str:
        return origins.commit(self.config, files, subject=subject)

    def commit_src(self, files: Mapping[str, origins.Content], subject: str = "Change things") -> str:
        return origins.commit(self.platform, files, subject=subject)

    def heads(self) -> tuple[str, str]:
        """Commits of config and src now."""
        return origins.git(self.config, "rev-parse", "HEAD"), origins.git(self.platform, "rev-parse", "HEAD")

    def apply_all(self) -> None:
        """What the daemon remembers and archives after everything in its present plan succeeded."""
        self.world.state.mkdir(exist_ok=True)
        with (
            view.look(settings_file.load(self.world.settings, {})) as seen,
            Records.open(self.world.state) as record,
        ):
            record.desired = seen.desired
            record.accept(seen.plan)
            for step in seen.plan.steps:
                files = seen.render(step.id.service)
                record.end(record.begin(step), at=102.0)
                Archive(layout.archive_folder(self.world.state)).keep(
                    files, seen.read_src(static_ids(files.release))
                )


def a_history(folder: Path, files: Mapping[str, str] = FILES) -> History:
    """The two repositories, each with one commit called "Begin"."""
    history = History(World(folder))
    for name, path in (("config", history.config), ("platform", history.platform)):
        below = {
            file.removeprefix(f"{name}/"): text for file, text in files.items() if file.startswith(f"{name}/")
        }
        path.mkdir(parents=True)
        origins.git(path, "init", "-q", "-b", "main")
        origins.commit(path, below, subject="Begin")
    history.world.write(
        {
            "config.yaml": (
                f"config: {{repo: {history.config}, folder: .}}\n"
                f"src: {{repo: {history.platform}, folder: src}}\n"
                f"state: {folder}/state\n"
            )
        }
    )
    return history
