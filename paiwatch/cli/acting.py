"""How verbs that change something reach whoever may: the running daemon, or, with none, this process under the state lock."""

import asyncio
import json
from collections.abc import Iterator, Mapping
from typing import Any

import click

from paiwatch.cli import exits, narrate
from paiwatch.cli.call import Call
from paiwatch.cli.exits import Code
from paiwatch.control import client
from paiwatch.settings.sections import Settings

Reply = Mapping[str, Any]

_REPORT = (
    "please report it with the daemon's log around it (`journalctl -u paiwatch`, or wherever the daemon's standard error goes); "
    "read that first, lest it show something private"
)


#: Why somebody acts, where that may be left out.
reason_option = click.option(
    "--reason",
    default="",
    metavar="TEXT",
    help="Why; `events`, `history --acts` and the log of the daemon tell it.",
)


def obey(call: Call, request: dict[str, Any]) -> Reply:
    """Have the request done, telling news as it comes; returns the last reply. A refusal ends the verb with its code."""
    last: Reply = {}
    for reply in _replies(call, request, quiet=call.wants_json):
        last = reply
    if not last.get("ok"):
        _refuse(last)
    return last


def _replies(call: Call, request: dict[str, Any], *, quiet: bool) -> Iterator[Reply]:
    told = False
    # A script may be silent for as long as its time limit: no limit on the silence between replies here.
    for reply in client.converse(call.settings_alone().state, request, timeout=None):
        told = True
        if "news" in reply and not quiet:
            _tell(reply)
        yield reply
    if not told:
        yield from _alone(call.settings(), request, quiet=quiet)


def _alone(settings: Settings, request: dict[str, Any], *, quiet: bool) -> Iterator[Reply]:
    """No daemon runs: do it here, under the state lock."""
    from paiwatch.daemon import life  # noqa: PLC0415 (heavy; verbs that find a daemon must not pay for it)
    from paiwatch.scrub import Scrubber  # noqa: PLC0415

    replies: list[Reply] = []

    def hear(reply: Reply) -> None:
        replies.append(reply)
        if "news" in reply and not quiet:
            _tell(reply)

    asyncio.run(life.obey(settings, Scrubber(), request, hear))
    yield replies[-1]


def _tell(reply: Reply) -> None:
    if (line := narrate.line(reply)) is not None:
        click.echo(line)


def _refuse(reply: Reply) -> None:
    click.secho(f"paiwatch: {reply['error']}", err=True, fg="red")
    for problem in reply.get("problems", ()):
        click.echo(problem, err=True)
    if reply.get("bug"):
        click.secho(f"paiwatch: {_REPORT}", err=True, fg="red")
        exits.leave(Code.BUG)
    exits.leave(Code.BAD_INPUT if reply.get("bad_input") else Code.FAILED)


def finish(call: Call, reply: Reply, text: str) -> None:
    """Print the outcome in the form asked for; a remark goes beside it."""
    if reply.get("remark"):
        click.secho(f"paiwatch: {reply['remark']}", err=True, fg="yellow")
    click.echo(json.dumps(dict(reply), indent=2) if call.wants_json else text)
