"""`paiwatch adopt`: take what runs as it is."""

import click

from paiwatch.cli.acting import finish, obey, reason_option
from paiwatch.cli.call import Call, shared


@click.command()
@click.argument("services", nargs=-1, metavar="[SERVICE]...")
@reason_option
@shared
def adopt(call: Call, *, services: tuple[str, ...], reason: str) -> None:
    """Record the present trees as applied without running anything: for services that already run as they ask.

    A service that is gone from the tree is forgotten when it is named: for one that was taken down by hand.
    """
    reply = obey(call, {"verb": "adopt", "services": list(services), "reason": reason})
    said = [
        f"{word} {', '.join(names)}"
        for word, names in (("adopted", reply["services"]), ("forgot", reply["forgotten"]))
        if names
    ]
    finish(call, reply, "; ".join(said) or "there is nothing to adopt")
