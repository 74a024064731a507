"""`paiwatch once`: converge and exit."""

import asyncio
import json

import click

from paiwatch.cli import exits, narrate
from paiwatch.cli.acting import Reply
from paiwatch.cli.call import Call, shared
from paiwatch.cli.exits import Code


@click.command()
@shared
def once(call: Call) -> None:
    """Look once, do what the trees ask for, and exit: 0 when settled, 1 when something failed or is held."""
    from paiwatch import daemon  # noqa: PLC0415 (heavy)
    from paiwatch.news import News  # noqa: PLC0415
    from paiwatch.report.tidings import told  # noqa: PLC0415
    from paiwatch.scrub import Scrubber  # noqa: PLC0415

    scrubber = Scrubber()
    heard: list[Reply] = []

    def hear(news: News) -> None:
        if (reply := told(news)) is None:
            return
        heard.append(reply)
        if not call.wants_json and (line := narrate.line(reply)) is not None:
            click.echo(scrubber.scrub(line))

    succeeded, held = asyncio.run(daemon.once(call.settings(), scrubber, hear))
    for step in held:
        click.echo(f"{step} waits for a person; `paiwatch status` says since when and why", err=True)
    if call.wants_json:
        click.echo(json.dumps({"succeeded": succeeded, "held": list(held), "news": heard}, indent=2))
    exits.leave(Code.DONE if succeeded else Code.FAILED)
