"""`paiwatch service start|stop|refresh|delete`: service management over a list."""

import os
import sys

import click

from paiwatch.cli import exits, inside
from paiwatch.cli.acting import Reply, finish, obey
from paiwatch.cli.call import Call, shared
from paiwatch.cli.exits import Code


class ListingCommand(click.Command):
    """A command whose `-n a b c` means `-n a -n b -n c`, as administrators of paictl type it."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Repeat the option in front of every further name."""
        spelled: list[str] = []
        listing = ""
        for word in args:
            if word in {"-n", "--name", "-k", "--skip"}:
                listing = word
                continue
            if word.startswith("-"):
                listing = ""
            spelled.extend((listing, word) if listing else (word,))
        return super().parse_args(ctx, spelled)


@click.command(cls=ListingCommand)
@click.argument("operator", type=click.Choice(["start", "stop", "refresh", "delete"]))
@click.option(
    "-n",
    "--name",
    "names",
    multiple=True,
    metavar="NAME",
    help="Only these (repeat, or list them with commas). Default: all.",
)
@click.option("-k", "--skip", "without", multiple=True, metavar="NAME", help="All but these.")
@click.option("--only", is_flag=True, help="start: do not bring up prerequisites that were never started.")
@click.option("--yes", is_flag=True, help="delete: do not ask.")
@click.option("--reason", default="", metavar="TEXT", help="Why; of a stop or a delete, `status` shows it.")
@shared
def service(
    call: Call,
    operator: str,
    *,
    names: tuple[str, ...],
    without: tuple[str, ...],
    only: bool,
    yes: bool,
    reason: str,
) -> None:
    """Run one operator over a list of services, in the right order.

    start and refresh take prerequisites first; stop and delete take dependents first. A service that is stopped or deleted here
    stays so until it is started here again.
    """
    inside.refuse("service", call.settings_alone().state, os.environ)
    chosen = _split(names)
    if operator == "delete" and not yes:
        _confirm(chosen, _split(without))
    request = {
        "verb": "service",
        "operator": operator,
        "names": chosen,
        "without": _split(without),
        "only": only,
        "reason": reason,
    }
    reply = obey(call, request)
    for problem in () if call.wants_json else reply.get("left_out", ()):
        click.secho(problem, err=True, fg="yellow")
    finish(call, reply, "done" if reply["succeeded"] else _failed(reply))
    exits.leave(Code.DONE if reply["succeeded"] else Code.FAILED)


def _failed(reply: Reply) -> str:
    return "something failed; `paiwatch status` shows what" if reply.get("steps") else "nothing was done"


def _split(values: tuple[str, ...]) -> list[str]:
    """`-n a -n b`, `-n a,b` and `-n "a b"` mean the same."""
    return [name for value in values for name in value.replace(",", " ").split()]


def _confirm(names: list[str], without: list[str]) -> None:
    what = ", ".join(names) if names else "EVERY service" + (f" but {', '.join(without)}" if without else "")
    if not sys.stdin.isatty():
        raise click.UsageError("delete removes persistent data and nobody is here to confirm it; add --yes")
    click.confirm(f"Delete {what}, persistent data included?", abort=True)
