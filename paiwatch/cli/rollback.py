"""`paiwatch rollback`: run an earlier good release of a service again."""

import os

import click

from paiwatch.cli import exits, inside
from paiwatch.cli.acting import finish, obey
from paiwatch.cli.call import Call, shared
from paiwatch.cli.exits import Code


@click.command()
@click.argument("service")
@click.option(
    "--to",
    default="",
    metavar="RUN|REVISION",
    help="The release of this run, or that was applied at this commit.",
)
@click.option("--reason", default="", help="Why; `status` shows it.")
@shared
def rollback(call: Call, *, service: str, to: str, reason: str) -> None:
    """Run the last good release of SERVICE again, and those of its dependents that changed together with it.

    It stays so until a commit changes what the tree asks for, or until `paiwatch retry SERVICE`.
    """
    inside.refuse("rollback", call.settings_alone().state, os.environ)
    reply = obey(call, {"verb": "rollback", "service": service, "to": to, "reason": reason})
    with_it = f", and {', '.join(reply['followers'])} with it" if reply["followers"] else ""
    told = f"{service} is rolled back to release {reply['release'][:8]}{with_it}"
    if reply["succeeded"] is None:
        finish(call, reply, f"{told}; {reply['note']}")
        return
    finish(
        call, reply, told if reply["succeeded"] else f"{told}, but that failed; `paiwatch status` shows what"
    )
    exits.leave(Code.DONE if reply["succeeded"] else Code.FAILED)
