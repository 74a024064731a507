"""`paiwatch render`: the deploy folders as they would be run, to look at or to run by hand."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from paiwatch.cli import deploys, exits, view
from paiwatch.cli.call import Call, shared
from paiwatch.cli.exits import Code
from paiwatch.cli.view import Revisions, View
from paiwatch.errors import ConfigError
from paiwatch.problem import Problem, errors
from paiwatch.report import plans


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """One deploy folder that was written."""

    name: str
    digest: str
    folder: str
    files: int


@click.command()
@click.argument("services", nargs=-1, metavar="[SERVICE]...")
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="Where to write; must be empty.",
)
@click.option(
    "--force",
    is_flag=True,
    help="Write into a folder that is not empty: replace deploy folders, leave the rest.",
)
@click.option("--config-rev", metavar="REV", help="Revision of config to render. Default: the newest.")
@click.option("--src-rev", metavar="REV", help="Revision of src to render. Default: the newest.")
@shared
def render(
    call: Call,
    *,
    services: tuple[str, ...],
    out: Path,
    force: bool,
    config_rev: str | None,
    src_rev: str | None,
) -> None:
    """Write DIR/src/SERVICE/deploy of all services, or of these, as they would be run. Readable by you alone."""
    settings = call.settings()
    _check_empty(out, force=force)
    with view.look(settings, Revisions(config_rev, src_rev)) as seen:
        names = _chosen(seen, services)
        written = [*_write(seen, names, out)]
        problems = _problems(seen, services)
        document = _document(seen, written, problems, out)
    _print(call, document, written, problems)
    exits.leave(Code.FAILED if errors(problems) else Code.DONE)


def _check_empty(out: Path, *, force: bool) -> None:
    if not force and out.is_dir() and any(out.iterdir()):
        raise ConfigError(
            f"{out}: is not empty; choose another --out, or add --force to replace what is rendered"
        )


def _chosen(seen: View, services: Sequence[str]) -> list[str]:
    """The releases to write. Raises ConfigError for names that the tree does not have."""
    known = seen.desired.services.keys() | seen.desired.invalid
    if unknown := sorted(set(services) - known):
        raise ConfigError(
            f"the tree has no service {', '.join(map(repr, unknown))}; `paiwatch graph` lists them"
        )
    return sorted(name for name in seen.desired.releases if not services or name in services)


def _problems(seen: View, services: Sequence[str]) -> list[Problem]:
    """Those of the chosen services, and of the whole tree."""
    return [
        problem for problem in seen.desired.problems if not services or problem.service in {"", *services}
    ]


def _write(seen: View, names: Sequence[str], out: Path) -> Iterator[Rendered]:
    for name in names:
        rendered = seen.render(name)
        folder = seen.desired.services[name].deploy
        files = deploys.contents(rendered, seen.read_src)
        deploys.write(files, out / folder)
        yield Rendered(name=name, digest=rendered.release.digest, folder=folder, files=len(files))


def _document(
    seen: View, written: Sequence[Rendered], problems: Sequence[Problem], out: Path
) -> dict[str, Any]:
    """The shape of `render -o json` (docs/cli.md)."""
    config, src = seen.desired.snapshot.ids
    return {
        "out": str(out),
        "snapshot": {"config": config, "src": src},
        "services": [
            {"name": each.name, "digest": each.digest, "folder": each.folder, "files": each.files}
            for each in written
        ],
        "problems": [plans.problem_document(problem) for problem in problems],
    }


def _print(
    call: Call, document: dict[str, Any], written: Sequence[Rendered], problems: Sequence[Problem]
) -> None:
    if call.wants_json:
        click.echo(json.dumps(document, indent=2, ensure_ascii=False))
        return
    for each in written:
        click.echo(Path(document["out"]) / each.folder)
    for text in exits.lines(problems):
        click.echo(text, err=True)
