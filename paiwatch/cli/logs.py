"""`paiwatch logs`: the output of a run, as it was or as it comes."""

import os
import stat
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import click

from paiwatch.cli import holder
from paiwatch.cli.call import Call, configured
from paiwatch.cli.screen import Screen
from paiwatch.errors import ConfigError
from paiwatch.record.history import History
from paiwatch.record.rows import RunRow
from paiwatch.report import runs
from paiwatch.settings.sections import Settings

_LOOK_EVERY = 0.2  # seconds between looks at a log that grows
_CHUNK = 64 * 1024


@click.command()
@click.argument("which", metavar="SERVICE|RUN")
@click.option("-f", "--follow", is_flag=True, help="Go on until the run ends.")
@configured
def logs(call: Call, *, which: str, follow: bool) -> None:
    """The output of the last run of SERVICE, or of the run with this number. Secret values are masked."""
    settings = call.settings_alone()
    with History.open(settings.state) as past:
        row = find(past, which)

        def is_over() -> bool:
            is_alive = (
                holder.find(settings.state) is not None
            )  # first: who ends in between has written the end
            now = past.run(row.id)
            return now is None or runs.as_seen(now, is_alive=is_alive).outcome is not None

        ended = is_over()
        click.echo(_heading(row, is_over=ended), err=True)
        pieces = read(row.log, is_over if follow and not ended else lambda: True)
        _show(pieces if row.outcome is not None else _masked(pieces, settings))


def _masked(pieces: Iterable[bytes], settings: Settings) -> Iterator[bytes]:
    """Output that still grows (or was cut off) is not masked in its file: here it is, with the secrets of the trees as they are now."""
    from paiwatch.cli import view  # noqa: PLC0415 (heavy; the output of runs that ended needs no look at the trees)

    with view.look(settings) as seen:
        stream = seen.scrubber.stream()
    yield from map(stream.feed, pieces)
    yield stream.finish()


def _show(pieces: Iterable[bytes]) -> None:
    """Byte by byte into a file or a pipe; on a terminal nothing may steer it."""
    shown = _for_terminal(pieces) if sys.stdout.isatty() else pieces
    for piece in shown:
        sys.stdout.buffer.write(piece)
        sys.stdout.buffer.flush()


def _for_terminal(pieces: Iterable[bytes]) -> Iterator[bytes]:
    screen = Screen()
    for piece in pieces:
        yield screen.feed(piece).encode(sys.stdout.encoding, "replace")
    yield screen.finish().encode(sys.stdout.encoding, "replace")


def find(past: History, which: str) -> RunRow:
    """The run that was meant: a number is a run, unless a service has that name. Raises ConfigError."""
    if rows := past.runs(which, limit=1):
        return rows[0]
    row = past.run(int(which)) if which.isascii() and which.isdigit() else None
    if row is None:
        raise ConfigError(f"no run of '{which}' is recorded; `paiwatch history` lists them")
    return row


def read(log: Path, is_over: Callable[[], bool]) -> Iterator[bytes]:
    """The file's bytes, going on while the run does. What came before the run was seen to be over is all read.

    One descriptor to the end: when a run ends, its file is replaced by the masked and shortened one. Of output that was
    already cut, the hole in the middle is left out.
    """
    while not _is_file(log):
        if is_over():
            return
        time.sleep(_LOOK_EVERY)
    with os.fdopen(os.open(log, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
        while True:
            ends_here = is_over()
            if file.tell() > os.fstat(file.fileno()).st_size:  # it was shortened where holes cannot be had
                file.seek(0, os.SEEK_END)
            while chunk := file.read(_CHUNK):
                yield chunk.replace(b"\0", b"")
            if ends_here:
                return
            time.sleep(_LOOK_EVERY)


def _is_file(log: Path) -> bool:
    """Whether it is there, and not what its script put in its place."""
    try:
        return stat.S_ISREG(log.lstat().st_mode)
    except OSError:
        return False


def _heading(row: RunRow, *, is_over: bool) -> str:
    """On standard error, so that the output itself can go into a file or a pipe."""
    outcome = runs.outcome(runs.as_seen(row, is_alive=not is_over))
    because = f": {row.message}" if row.message else ""
    return f"run {row.id}: {row.operator} {row.service}, {outcome}{because}"
