"""`paiwatch adopt`: take what runs as it is."""

import click

from paiwatch.cli.acting import finish, obey
from paiwatch.cli.call import Call, shared


@click.command()
@click.argument("services", nargs=-1, metavar="[SERVICE]...")
@shared
def adopt(call: Call, services: tuple[str, ...]) -> None:
    """Record the present trees as applied without running anything: for services that already run as they ask."""
    reply = obey(call, {"verb": "adopt", "services": list(services)})
    finish(call, reply, f"adopted {len(reply['services'])} services: {', '.join(reply['services'])}")
