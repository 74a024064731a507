"""`paiwatch nudge`: look again now."""

import click

from paiwatch.cli import exits
from paiwatch.cli.call import Call, configured
from paiwatch.cli.exits import Code
from paiwatch.control import client


@click.command()
@configured
def nudge(call: Call) -> None:
    """Ask the daemon to look for news now instead of at its next poll."""
    state = call.settings_alone().state
    reply = client.ask(state, {"verb": "nudge"})
    if reply is None or not reply["ok"]:
        nobody = f"no daemon runs on {state}; `paiwatch once` converges without one"
        click.echo(f"paiwatch: {nobody if reply is None else reply['error']}", err=True)
        exits.leave(Code.BUG if reply is not None and reply.get("bug") else Code.FAILED)
    click.echo("the daemon looks again")
