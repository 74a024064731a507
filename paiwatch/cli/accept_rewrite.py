"""`paiwatch accept-rewrite`: take a branch whose history was rewritten."""

import click

from paiwatch.cli.acting import finish, obey, reason_option
from paiwatch.cli.call import Call, shared


@click.command("accept-rewrite")
@click.argument("source", type=click.Choice(["config", "src"]), required=False)
@reason_option
@shared
def accept_rewrite(call: Call, *, source: str | None, reason: str) -> None:
    """Accept the newest commit of config or src though history was rewritten. Another rewrite needs its own."""
    reply = obey(call, {"verb": "accept-rewrite", "source": source or "", "reason": reason})
    commit = f'{reply["commit"][:8]} "{reply["subject"]}" by {reply["author"]}'
    finish(
        call,
        reply,
        f"{reply['source']}: {commit} is accepted; it is taken with the daemon's next look, or with `paiwatch once`",
    )
