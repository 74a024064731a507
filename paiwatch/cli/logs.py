"""`paiwatch logs`: the output of a run, as it was or as it comes."""

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import click

from paiwatch.cli import holder
from paiwatch.cli.call import Call, configured
from paiwatch.errors import ConfigError
from paiwatch.record.history import History
from paiwatch.record.rows import RunRow
from paiwatch.report import runs

_LOOK_EVERY = 0.2  # seconds between looks at a log that grows
_CHUNK = 64 * 1024


@click.command()
@click.argument("which", metavar="SERVICE|RUN")
@click.option("-f", "--follow", is_flag=True, help="Go on until the run ends.")
@configured
def logs(call: Call, *, which: str, follow: bool) -> None:
    """The output of the last run of SERVICE, or of the run with this number."""
    state = call.settings().state
    with History.open(state) as past:
        row = find(past, which)

        def is_over() -> bool:
            is_alive = (
                holder.find(state) is not None
            )  # before the record is read: who ended in between has written the end
            now = past.run(row.id)
            return now is None or runs.as_seen(now, is_alive=is_alive).outcome is not None

        click.echo(_heading(row, is_over=is_over()), err=True)

        for chunk in read(row.log, is_over if follow else lambda: True):
            sys.stdout.buffer.write(chunk)
            sys.stdout.buffer.flush()


def find(past: History, which: str) -> RunRow:
    """The run that was meant: a number is a run, unless a service has that name. Raises ConfigError."""
    if rows := past.runs(which, limit=1):
        return rows[0]
    row = past.run(int(which)) if which.isascii() and which.isdigit() else None
    if row is None:
        raise ConfigError(f"no run of '{which}' is recorded; `paiwatch history` lists them")
    return row


def read(log: Path, is_over: Callable[[], bool]) -> Iterator[bytes]:
    """The file's bytes, going on while the run does. What came before the run was seen to be over is all read."""
    position = 0
    while True:
        ends_here = is_over()
        for chunk in _from(log, position):
            position += len(chunk)
            yield chunk
        if ends_here:
            return
        time.sleep(_LOOK_EVERY)


def _from(log: Path, position: int) -> Iterator[bytes]:
    """What lies beyond a position; nothing while (or if no longer) the file is there."""
    try:
        with log.open("rb") as file:
            file.seek(position)
            while chunk := file.read(_CHUNK):
                yield chunk
    except FileNotFoundError:
        return


def _heading(row: RunRow, *, is_over: bool) -> str:
    """On standard error, so that the output itself can go into a file or a pipe."""
    return (
        f"run {row.id}: {row.operator} {row.service}, {runs.outcome(runs.as_seen(row, is_alive=not is_over))}"
    )
