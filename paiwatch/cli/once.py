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
    """Look once, do what the trees ask for, and exit: 0 when settled, 1 when something failed, has errors, is held or is rolled back."""
    from paiwatch.daemon import life  # noqa: PLC0415 (heavy)
    from paiwatch.news import News  # noqa: PLC0415
    from paiwatch.report.plans import held_document, held_text  # noqa: PLC0415
    from paiwatch.report.problems import document as problem_document  # noqa: PLC0415
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

    done = asyncio.run(life.once(call.settings(), scrubber, hear))
    click.echo("".join(f"{text}\n" for text in exits.lines(done.problems)), err=True, nl=False)
    for step in done.held:
        click.echo(f"{step} waits for a person; `paiwatch status` says since when and why", err=True)
    for service in done.rolled_back:
        click.echo(f"{service} is rolled back; `paiwatch why {service}` says to what and why", err=True)
    if done.held_plan is not None:
        click.echo(held_text(done.held_plan), err=True)
    if call.wants_json:
        waiting = held_document(done.held_plan) if done.held_plan else None
        document = {
            "succeeded": done.succeeded,
            "held": list(done.held),
            "rolled_back": list(done.rolled_back),
            "held_plan": waiting,
            "problems": [problem_document(problem) for problem in done.problems],
            "news": heard,
        }
        click.echo(json.dumps(document, indent=2))
    exits.leave(Code.DONE if done.succeeded else Code.FAILED)
