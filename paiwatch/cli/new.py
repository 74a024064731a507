"""`paiwatch new`: a component that works, to be made one's own."""

import json
from pathlib import Path

import click

from paiwatch import scaffold
from paiwatch.cli.call import Call, shared
from paiwatch.errors import ConfigError


@click.command()
@click.argument("component")
@click.option(
    "--dir",
    "folder",
    type=click.Path(path_type=Path),
    help="The folder of components. Default: that of the settings' src, if it is a directory.",
)
@shared
def new(call: Call, *, component: str, folder: Path | None) -> None:
    """Make COMPONENT with a service.yaml, a template and scripts that work. Nothing is overwritten."""
    written = scaffold.write(folder if folder is not None else _configured(call), component)
    if call.wants_json:
        files = [str(path) for path in written]
        click.echo(json.dumps({"component": component, "files": files}, indent=2, ensure_ascii=False))
        return
    for path in written:
        click.echo(path)
    click.echo("next: `paiwatch validate`, then `paiwatch plan`", err=True)


def _configured(call: Call) -> Path:
    """The folder of components that the settings name."""
    src = call.settings().src
    if src.directory is None:
        raise ConfigError("src is a repository: name a checkout's folder of components with --dir")
    return src.directory / src.folder
