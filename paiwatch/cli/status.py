"""`paiwatch status`: where every service stands."""

import json
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from paiwatch.cli import holder, table
from paiwatch.cli.call import Call, shared
from paiwatch.cli.holder import Holder
from paiwatch.control import client
from paiwatch.errors import BusyError
from paiwatch.record.history import History
from paiwatch.report import live, plans, runs, times
from paiwatch.report import status as report
from paiwatch.report.status import SETTLED, Daemon, Facts, State, Status
from paiwatch.report.status_shapes import status_document, status_rows
from paiwatch.settings.sections import Settings
from paiwatch.snapshot import Revision

_HEADINGS = ("service", "state", "applied", "last run", "note")
_NOTHING = Revision(id="")
_BUSY = frozenset({State.RUNNING, State.WAITING, State.BACKING_OFF})


@click.command()
@shared
def status(call: Call) -> None:
    """Where every service stands: its state, what is applied, what it waits for."""
    settings = call.settings_alone()
    state = settings.state
    reply = _ask(state)
    worker = holder.find(state)
    found = report.status(_facts(state, reply, _judged(settings), is_alive=worker is not None))
    if call.wants_json:
        click.echo(json.dumps(status_document(found), indent=2, ensure_ascii=False))
        return
    now = time.time()
    click.echo("\n".join(table.plain(text) for text in _heading(found, worker, now)))
    if found.services:
        click.echo(f"\n{_table(found, now)}", nl=False)


def _ask(state: Path) -> Mapping[str, Any] | None:
    """What the daemon says of itself; one that does not answer is mentioned, and the record must do."""
    try:
        reply = client.ask(state, {"verb": "progress"}, timeout=2.0)
    except BusyError as error:
        click.secho(f"paiwatch: {error}; what follows is from the record", err=True, fg="yellow")
        return None
    return reply if reply is not None and reply.get("ok") else None


def _judged(settings: Settings) -> dict[str, Path]:
    """The mirrors of sources with rules, by the name of the source."""
    homes = (("config", settings.config), ("src", settings.src))
    judged = {name: source for name, source in homes if source.repo and source.rules.hold_something_up}
    if not judged:
        return {}
    from paiwatch.sources.origin import mirror_home  # noqa: PLC0415 (heavy, and seldom needed)

    return {name: mirror_home(settings.state, source) for name, source in judged.items()}


def _refused(past: History, judged: Mapping[str, Path]) -> dict[str, str]:
    """What was refused at the last look, by source."""
    if not judged:
        return {}
    from paiwatch.daemon.recorded_acceptance import refusal  # noqa: PLC0415 (heavy, and seldom needed)

    told = {name: refusal(past, home) for name, home in judged.items()}
    return {name: message for name, message in told.items() if message}


def _facts(
    state: Path, reply: Mapping[str, Any] | None, judged: Mapping[str, Path], *, is_alive: bool
) -> Facts:
    """The record, and the daemon's view over it."""
    with History.open(state, judged=judged.values()) as past:
        latest = next(iter(past.generations(limit=1)), None)
        accepted = past.generation(latest.id) if latest else None
        holds, memory, held_plan, absent = past.holds(), past.applied(), past.held_plan(), past.absent()
        refused = _refused(past, judged) if reply is None else {}
        last_runs = {name: runs.as_seen(run, is_alive=is_alive) for name, run in past.last_runs().items()}
    open_steps = (
        ()
        if accepted is None
        else live.left_over(accepted[1], last_runs=last_runs, holds=holds, memory=memory)
    )
    return Facts(
        generation=latest.id if latest else 0,
        config=latest.config if latest else _NOTHING,
        src=latest.src if latest else _NOTHING,
        memory=memory,
        holds=holds,
        last_runs=last_runs,
        steps=open_steps if reply is None else live.steps(reply),
        kept=frozenset(absent) | (frozenset() if reply is None else live.names(reply, "kept")),
        renamed={old: new for old, new in absent.items() if new},
        invalid=frozenset() if reply is None else live.names(reply, "invalid"),
        daemon=None if reply is None else live.daemon(reply),
        held_plan=held_plan,
        refused=refused,
    )


def _heading(found: Status, worker: Holder | None, now: float) -> Iterator[str]:
    """Daemon, generation, commits, and whether all is settled."""
    yield _daemon_text(found.daemon, worker, now)
    if found.held_plan is not None:
        yield plans.held_text(found.held_plan)
    if found.generation:
        yield f"generation {found.generation}"
        for name, revision in (("config", found.config), ("src", found.src)):
            yield f"  {name:6}  {revision.short}  {revision.subject}"
        yield _settled_text(found)
    else:
        yield "nothing was planned yet"
    for name, fault in sorted(found.faults.items()):
        yield f"{name}: {fault}"


def _daemon_text(daemon: Daemon | None, worker: Holder | None, now: float) -> str:
    if daemon is None and worker is not None:
        return f"`paiwatch {worker.command}` works on it (pid {worker.pid})"
    if daemon is None:
        return "no daemon is running"
    draining = ", draining" if daemon.is_draining else ""
    return f"daemon: pid {daemon.pid}, started {times.ago(daemon.since, now)}{draining}"


def _settled_text(found: Status) -> str:
    """Settled, or for what it waits."""
    if found.settled:
        return "settled"
    unsettled = [line for line in found.services if line.state not in SETTLED]
    if not unsettled and any(line.held for line in found.services):
        return "not settled: what is held waits for a person"
    if not unsettled and found.faults:
        who = "a commit is refused" if found.daemon is None else "something keeps the daemon from its work"
        return f"not settled: {who}"
    if not unsettled:
        return "not settled: the daemon is at work"
    names = ", ".join(f"{line.name} ({line.state})" for line in unsettled[:8])
    more = f" and {len(unsettled) - 8} more" if len(unsettled) > 8 else ""
    return f"not settled: {names}{more}"


def _table(found: Status, now: float) -> str:
    rows = []
    for line, row in zip(found.services, status_rows(found.services, now=now), strict=True):
        name, state, *rest = map(table.plain, row)
        rows.append([name, table.styled(state, _colour(line.state)), *rest])
    return table.table(_HEADINGS, rows, width=table.screen_width())


def _colour(state: State) -> str:
    if state is State.UP_TO_DATE:
        return "green"
    if state in _BUSY:
        return "cyan"
    return "yellow" if state in SETTLED else "red"
