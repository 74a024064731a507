"""`paiwatch plan`: what would happen now, and why."""

import json
import time
from collections.abc import Iterator

import click

from paiwatch.cli import deploys, table, view
from paiwatch.cli.call import Call, shared
from paiwatch.cli.exits import line
from paiwatch.cli.view import View
from paiwatch.report import plans, times
from paiwatch.snapshot import Snapshot

_HEADINGS = ("#", "level", "operator", "service", "kind", "why")


@click.command()
@click.option("--diff", is_flag=True, help="Show how the deploy folders change, with secret values masked.")
@shared
def plan(call: Call, *, diff: bool) -> None:
    """What would happen now, in which order, and why. It is the very plan that the daemon would run."""
    with view.look(call.settings()) as seen:
        differences = deploys.diffs(seen) if diff else ""
        if call.wants_json:
            document = plans.plan_document(seen.plan, seen.problems) | ({"diff": differences} if diff else {})
            click.echo(json.dumps(document, indent=2, ensure_ascii=False))
            return
        click.echo("\n\n".join(part.rstrip("\n") for part in _parts(seen)))
        if diff:
            click.echo(
                f"\n{coloured(differences)}" if differences else "\nno file differs", nl=not differences
            )


def _parts(seen: View) -> Iterator[str]:
    """The paragraphs of the table form."""
    yield heading(seen.desired.snapshot, now=time.time())
    yield steps(seen)
    if seen.plan.kept:
        names = ", ".join(seen.plan.kept)
        yield f"kept, though gone from the tree (operators.removed: keep): {names}"
    if holds := view.holds_in_force(seen):
        now = time.time()
        yield "\n".join(f"held: {table.plain(view.hold_text(hold, now=now))}" for hold in holds)
    if seen.problems:
        yield "\n".join(["problems:", *(f"  {line(problem)}" for problem in seen.problems)])


def heading(snapshot: Snapshot, *, now: float) -> str:
    """The two revisions, each with what people know it by."""
    lines = []
    for name, tree in (("config", snapshot.config), ("src", snapshot.src)):
        revision = tree.revision
        told = [revision.author, times.ago(revision.at, now) if revision.at else ""]
        remark = ", ".join(filter(None, told))
        lines.append(f"{name:6}  {revision.short}  {revision.subject}" + (f"  ({remark})" if remark else ""))
    return table.plain("\n".join(lines))


def steps(seen: View) -> str:
    """The table of steps, or that there are none."""
    if rows := plans.plan_rows(seen.plan):
        cells = [[table.plain(cell) for cell in row] for row in rows]
        return table.table(_HEADINGS, cells, width=table.screen_width())
    at = f"{seen.plan.config[:8]}@{seen.plan.src[:8]}"
    if invalid := sorted(seen.desired.invalid):
        return (
            f"nothing to do, but not all is well: {', '.join(invalid)} cannot run as {at} has it (see below)"
        )
    return f"nothing to do: every service runs what {at} asks for"


def coloured(differences: str) -> str:
    """A diff in the colours that people know from git."""
    return "".join(table.styled(text, _colour(text)) for text in differences.splitlines(keepends=True))


def _colour(text: str) -> str | None:
    if text.startswith(("+++", "---")):
        return None
    return {"+": "green", "-": "red", "@": "cyan"}.get(text[:1])
