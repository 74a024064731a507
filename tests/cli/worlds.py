"""A small world on disk for the verbs: two live directories, settings, and a record if a test wants a past."""

import json
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from click.testing import CliRunner, Result

from paiwatch.cli import exits, root

SECRET = "hunter2-is-secret"

FILES: Mapping[str, str] = {
    "config/layout.yaml": "machine-list: []\n",
    "config/services-configuration.yaml": f"web:\n  port: 8080\n  password: {SECRET}\n",
    "platform/src/db/deploy/service.yaml": "start-script: start.sh\nstop-script: stop.sh\n",
    "platform/src/db/deploy/start.sh": "echo db starts\n",
    "platform/src/db/deploy/stop.sh": "echo db stops\n",
    "platform/src/web/deploy/service.yaml": (
        "prerequisite: [db]\ntemplate-list: [env]\nstart-script: start.sh\nrefresh-script: start.sh\n"
    ),
    "platform/src/web/deploy/start.sh": "echo web starts\n",
    "platform/src/web/deploy/env.template": (
        "port={{ cluster_cfg['web'].port }}\npassword={{ cluster_cfg['web'].password }}\n"
    ),
}


@dataclass(frozen=True, slots=True)
class World:
    """The folder that holds config/, platform/src/, state/ and config.yaml."""

    root: Path

    @property
    def state(self) -> Path:
        return self.root / "state"

    @property
    def settings(self) -> Path:
        return self.root / "config.yaml"

    def write(self, files: Mapping[str, str]) -> None:
        for path, text in files.items():
            (self.root / path).parent.mkdir(parents=True, exist_ok=True)
            (self.root / path).write_text(text)

    def paiwatch(self, *arguments: str) -> Result:
        """Run one command line; the result has exit code, output and what went to standard error."""
        return CliRunner().invoke(_Whole("paiwatch"), ["-c", str(self.settings), *arguments])

    def document(self, *arguments: str) -> Any:
        """The JSON of one command line that must succeed."""
        result = self.paiwatch("-o", "json", *arguments)
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)


class _Whole(click.Command):
    """The command with its map of exit codes, in the form that CliRunner takes."""

    def main(self, args: Sequence[str], **_: Any) -> None:  # type: ignore[override]  # CliRunner calls it like this
        raise SystemExit(int(exits.run(root.command, args)))


def a_world(folder: Path, files: Mapping[str, str] = FILES) -> World:
    """`db`, and `web` that needs it and has a template which reads a secret."""
    world = World(folder)
    world.write(files)
    world.write(
        {
            "config.yaml": (
                f"config: {{directory: {folder}/config, folder: .}}\n"
                f"src: {{directory: {folder}/platform, folder: src}}\n"
                f"state: {folder}/state\n"
            )
        }
    )
    return world


def modes(folder: Path) -> dict[str, str]:
    """Every path below, with its kind and mode as `ls` shows them."""
    return {
        str(path.relative_to(folder)): stat.filemode(path.lstat().st_mode)
        for path in sorted(folder.rglob("*"))
    }
