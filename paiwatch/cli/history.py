"""`paiwatch history`: past runs, newest first."""

import json
import time

import click

from paiwatch.cli import holder, table
from paiwatch.cli.call import Call, shared
from paiwatch.record.history import History
from paiwatch.report import runs

_HEADINGS = ("run", "gen", "service", "operator", "outcome", "exit", "began", "took", "config", "why")


@click.command()
@click.argument("service", required=False)
@click.option(
    "-n", "--number", type=click.IntRange(min=1), default=20, show_default=True, help="At most so many runs."
)
@shared
def history(call: Call, *, service: str | None, number: int) -> None:
    """Past runs, newest first; of SERVICE if one is named."""
    state = call.settings_alone().state
    is_alive = holder.find(state) is not None
    with History.open(state) as past:
        rows = [runs.as_seen(row, is_alive=is_alive) for row in past.runs(service, limit=number)]
    if call.wants_json:
        click.echo(json.dumps([runs.run_document(row) for row in rows], indent=2, ensure_ascii=False))
    elif rows:
        cells = [[table.plain(cell) for cell in row] for row in runs.run_rows(rows, now=time.time())]
        click.echo(table.table(_HEADINGS, cells, width=table.screen_width()), nl=False)
    else:
        click.echo(f"nothing has run yet for {service}" if service else "nothing has run yet")
