"""`paiwatch events`: what happened, and who did it; from any number on, and as it happens. Reads the record, and nothing else."""

import json
import select
import signal
import sys
import time
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path

import click

from paiwatch.cli import moments, occurrences
from paiwatch.cli.call import Call, shared
from paiwatch.record.event_rows import EventPage, EventRow
from paiwatch.record.history import History
from paiwatch.report import acts, times

_LATEST = 50  # events that are shown where nobody says since when
_AT_ONCE = 1000  # events that are read at a time
_LOOK_EVERY = 500  # milliseconds between looks at a record to which nothing was added


@click.command()
@click.option("-f", "--follow", is_flag=True, help="Go on with what happens, until ^C.")
@click.option(
    "--since",
    metavar="N|TIME",
    help=f"Those after number N, or from TIME on (10m, 2h, 02:15, 2026-11-22 21:30). Default: the last {_LATEST}.",
)
@click.option("--service", metavar="SERVICE", help="Only what concerns this service.")
@shared
def events(call: Call, *, follow: bool, since: str | None, service: str | None) -> None:
    """What happened, oldest first: plans, runs, and what people did, with who and why.

    Events have numbers without gaps; to go on where an earlier call ended, give the last number it printed. Needs no daemon.
    """
    state = call.settings_alone().state
    number, latest = _beginning(state, since, service, now=time.time())
    show = _as_json if call.wants_json else _as_lines
    show(latest)
    has_shown = bool(latest)
    for found in _after(state, number, service, follow=follow):
        show(found)
        has_shown = has_shown or bool(found)
    if not has_shown and not call.wants_json:
        _tell(
            f"nothing happened{f' that concerns {service}' if service else ''}{' since then' if since else ' yet'}"
        )


# ── from where ──────────────────────────────────────────────────────────────────────────────────────────────────────


def _beginning(
    state: Path, since: str | None, service: str | None, *, now: float
) -> tuple[int, tuple[EventRow, ...]]:
    """The number after which to go on, and what is to be shown before that. What is asked for and gone is told."""
    with History.open(state) as past:
        if since is None:
            newest = past.last_event()
            found = past.last_events(service=service, limit=_LATEST)
            return max([newest, *(event.number for event in found)]), found
        number = _number(since)
        return (_from_moment(past, _moment(since, now)) if number is None else number), ()


def _number(since: str) -> int | None:
    """The number of an event; nobody will ever have counted beyond what a record can."""
    return int(since) if since.isascii() and since.isdigit() and len(since) <= 18 else None


def _moment(since: str, now: float) -> float:
    try:
        return moments.parse(since, now=now)
    except ValueError as fault:
        raise click.BadParameter(str(fault), param_hint="--since") from None


def _from_moment(past: History, moment: float) -> int:
    """The number before the first event from then on."""
    oldest = next(iter(past.events(limit=1)), None)
    found = next(iter(past.events(after=moment, limit=1)), None)
    if oldest is not None and oldest.number > 1 and moment < oldest.at:
        _tell(
            f"what happened before event {oldest.number} ({_shown(oldest.at)}) is not kept any more (`retention.events`)"
        )
    return past.last_event() if found is None else found.number - 1


# ── from there on ───────────────────────────────────────────────────────────────────────────────────────────────────


def _after(state: Path, number: int, service: str | None, *, follow: bool) -> Iterator[tuple[EventRow, ...]]:
    """What has greater numbers; to follow is to look again and again. Each look opens the record anew: it may come, or be replaced, meanwhile."""
    while True:
        page = _page(state, number, service)
        _tell_breaks(page, number)
        yield page.events
        is_behind = len(page.events) == _AT_ONCE
        number = page.events[-1].number if is_behind else page.newest
        if not is_behind:
            if not follow:
                return
            _pause()


def _page(state: Path, number: int, service: str | None) -> EventPage:
    """The next ones. ^C comes when the record is closed again: raised in what collects a connection, Python would only print and forget it."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        with History.open(state) as past:
            return past.event_page(since=number, service=service, limit=_AT_ONCE)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _tell_breaks(page: EventPage, number: int) -> None:
    """Say which numbers are missing between what was read last and what there is."""
    first, last = number + 1, page.oldest - 1
    if last >= first:
        gone = f"event {first} is" if last == first else f"events {first} to {last} are"
        _tell(f"{gone} not kept any more (`retention.events`)")
    if page.newest < number:
        _tell(
            f"there is no event {number}: the newest is {page.newest}; was an older record put in its place?"
        )


def _tell(text: str) -> None:
    click.secho(f"paiwatch: {text}", err=True, fg="yellow")


def _pause() -> None:
    """Wait a moment. Raises BrokenPipeError once nobody reads any more, also while there is nothing to write."""
    reader = select.poll()
    reader.register(sys.stdout.fileno(), 0)  # errors and hang-ups are told unasked
    if reader.poll(_LOOK_EVERY):
        raise BrokenPipeError


# ── how they are shown ──────────────────────────────────────────────────────────────────────────────────────────────


def _as_json(found: Iterable[EventRow]) -> None:
    """Each on a line of its own, so that it can be read while more come."""
    _write(json.dumps(_document(event), ensure_ascii=False) for event in found)


def _as_lines(found: Iterable[EventRow]) -> None:
    _write(f"{_shown(event.at)}  #{event.number:<5} {occurrences.line(event)}" for event in found)


def _write(lines: Iterable[str]) -> None:
    if text := "".join(f"{line}\n" for line in lines):
        click.echo(text, nl=False)


def _shown(at: float) -> str:
    """In the zone of whoever reads, and as `--since` takes it."""
    return datetime.fromtimestamp(at).astimezone().isoformat(timespec="seconds")


def _document(event: EventRow) -> dict[str, object]:
    """One line of `events -o json` (docs/cli.md)."""
    return {
        "number": event.number,
        "time": times.iso(event.at),
        "kind": event.kind,
        "service": event.service or None,
        "run": event.run,
        "generation": event.generation,
        "by": acts.by_whom(event.principal),
        "data": dict(event.data),
    }
