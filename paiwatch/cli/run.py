"""`paiwatch run`: the daemon."""

import asyncio
import os
import signal
import sys

import click

from paiwatch.cli.call import Call, configured


@click.command()
@configured
def run(call: Call) -> None:
    """Follow config and src, and keep every service as they ask, until told to stop.

    SIGTERM or SIGINT: begin nothing more, let running scripts finish, exit. A second one: end the scripts too.
    SIGHUP: look again now.
    """
    from paiwatch import logs  # noqa: PLC0415 (heavy)
    from paiwatch.daemon import life  # noqa: PLC0415
    from paiwatch.daemon.chronicle import Chronicle  # noqa: PLC0415
    from paiwatch.scrub import Scrubber  # noqa: PLC0415

    # Until the daemon listens it would end us, and the first look is due anyway.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    settings = call.settings()
    scrubber = Scrubber()
    logs.configure(
        settings.log.format, settings.log.level, scrubber.scrub, stream=sys.stderr, environ=os.environ
    )
    asyncio.run(life.run(settings, scrubber, Chronicle().hear))
