"""`paiwatch approve`: let the plan that waits go ahead."""

import click

from paiwatch.cli.acting import finish, obey, reason_option
from paiwatch.cli.call import Call, shared


@click.command()
@click.argument("digest")
@reason_option
@shared
def approve(call: Call, *, digest: str, reason: str) -> None:
    """Let the held plan with this DIGEST (its first 8 characters or more) run. Another plan needs an approval of its own."""
    reply = obey(call, {"verb": "approve", "digest": digest, "reason": reason})
    finish(
        call,
        reply,
        f"plan {reply['digest'][:12]} is approved; it runs with the daemon, or with `paiwatch once`",
    )
