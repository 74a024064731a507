"""`paiwatch history`: past runs, newest first, and what people did between them."""

import json
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from paiwatch import logs
from paiwatch.cli import holder, table
from paiwatch.cli.call import Call, shared
from paiwatch.record.history import History
from paiwatch.record.rows import RunRow
from paiwatch.report import acts as acts_of
from paiwatch.report import runs

if TYPE_CHECKING:
    from paiwatch.record.event_rows import EventRow

_HEADINGS = ("run", "gen", "service", "operator", "outcome", "exit", "began", "took", "config", "why")


@click.command()
@click.argument("service", required=False)
@click.option(
    "-n", "--number", type=click.IntRange(min=1), default=20, show_default=True, help="At most so many lines."
)
@click.option("--acts", is_flag=True, help="Also what people did: who, what, for which services, and why.")
@shared
def history(call: Call, *, service: str | None, number: int, acts: bool) -> None:
    """Past runs, newest first; of SERVICE if one is named."""
    state = call.settings_alone().state
    is_alive = holder.find(state) is not None
    with History.open(state) as past:
        rows = [runs.as_seen(row, is_alive=is_alive) for row in past.runs(service, limit=number)]
        done = past.last_events(service=service, kind=logs.COMMAND_GIVEN, limit=number) if acts else ()
    found = _by_time(rows, done)[:number]
    if call.wants_json:
        click.echo(json.dumps([_document(row) for row in found], indent=2, ensure_ascii=False))
    elif found:
        now = time.time()
        cells = [[table.plain(cell) for cell in _cells(row, now)] for row in found]
        click.echo(table.table(_HEADINGS, cells, width=table.screen_width()), nl=False)
    else:
        nothing = f"nothing has run yet for {service}" if service else "nothing has run yet"
        click.echo(f"{nothing}, and nobody did anything" if acts else nothing)


def _by_time(rows: "Sequence[RunRow]", done: "Sequence[EventRow]") -> "list[RunRow | EventRow]":
    """The newest first. At the same moment a person came first: the run is what followed."""
    found: list[tuple[float, RunRow | EventRow]] = [(row.began, row) for row in rows]
    found += ((act.at, act) for act in reversed(done))
    return [each for _, each in sorted(found, key=lambda pair: pair[0], reverse=True)]


def _document(row: "RunRow | EventRow") -> dict[str, Any]:
    return runs.run_document(row) if isinstance(row, RunRow) else acts_of.act_document(row)


def _cells(row: "RunRow | EventRow", now: float) -> tuple[str, ...]:
    return runs.run_rows([row], now=now)[0] if isinstance(row, RunRow) else acts_of.act_row(row, now=now)
