"""`paiwatch retry`: try what failed again, now."""

import click

from paiwatch.cli.acting import finish, obey, reason_option
from paiwatch.cli.call import Call, shared


@click.command()
@click.argument("services", nargs=-1, metavar="[SERVICE]...")
@reason_option
@shared
def retry(call: Call, *, services: tuple[str, ...], reason: str) -> None:
    """Try failed and quarantined services again at once: these, or all of them.

    A SERVICE that is rolled back runs again what the tree asks for.
    """
    reply = obey(call, {"verb": "retry", "services": list(services), "reason": reason})
    forgiven = ", ".join(sorted({*reply["services"], *reply.get("rollbacks_ended", ())}))
    finish(
        call, reply, f"trying again: {forgiven}" if forgiven else "nothing had failed; nothing to try again"
    )
