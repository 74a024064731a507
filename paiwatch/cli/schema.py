"""`paiwatch schema`: JSON Schema of both files, for editors."""

import json

import click

from paiwatch.settings import schema as schemas
from paiwatch.settings.schema import Which


@click.command()
@click.argument("which", type=click.Choice(["settings", "service"]))
def schema(which: str) -> None:
    """JSON Schema of config.yaml (settings) or service.yaml (service)."""
    made = schemas.schema(Which.CONFIG if which == "settings" else Which.SERVICE)
    click.echo(json.dumps(made, indent=2, ensure_ascii=False))
