"""`paiwatch plan`: what would happen now, or between any two snapshots, and why."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace

import click

from paiwatch.cli import compare, deploys, exits, explained, table, view
from paiwatch.cli.call import Call, configured
from paiwatch.cli.exits import Code
from paiwatch.cli.view import Revisions, View
from paiwatch.plan import pins
from paiwatch.report import markdown, plans, times
from paiwatch.settings.sections import Settings
from paiwatch.snapshot import Revision, Snapshot

_HEADINGS = ("#", "level", "operator", "service", "kind", "why")
_FORMS = ("table", "json", "markdown")


def _revisions(function: Callable[..., None]) -> Callable[..., None]:
    """The four options that name two snapshots."""
    for side, meaning in (("to", "plan towards"), ("from", "take as applied")):
        for source in ("src", "config"):
            text = f"Revision of {source} to {meaning}, instead of what is there now."
            function = click.option(f"--{side}-{source}", metavar="REV", help=text)(function)
    return function


@click.command()
@_revisions
@click.option("--diff", is_flag=True, help="Show how the deploy folders change, with secret values masked.")
@click.option("--exit-code", is_flag=True, help="Exit 4 if there is something to do, 0 if there is nothing.")
@click.option("-o", "--output", "form", type=click.Choice(_FORMS), help="Form of what is printed.")
@configured
def plan(call: Call, /, *, diff: bool, exit_code: bool, form: str | None, **revisions: str | None) -> None:
    """What would happen now, in which order, and why. It is the very plan that the daemon would run.

    With any of --from-config, --from-src, --to-config, --to-src: what leads from one snapshot to another, whatever was applied.
    """
    with _look(call.settings(), revisions) as look:
        seen = replace(look, plan=explained.explained(look))
        match form or str(call.output):
            case "json":
                _print_document(seen, diff=diff)
            case "markdown":
                click.echo(_page(seen), nl=False)
            case _:
                _print_table(seen, diff=diff)
        has_steps = bool(seen.plan.steps)
    if exit_code and has_steps:
        exits.leave(Code.CHANGES)


def _look(settings: Settings, revisions: dict[str, str | None]) -> AbstractContextManager[View]:
    """The record against the world, or one snapshot against another when any revision is named."""
    if not any(revisions.values()):
        return view.look(settings)
    before = Revisions(revisions["from_config"], revisions["from_src"])
    return compare.between(settings, before, Revisions(revisions["to_config"], revisions["to_src"]))


def _print_document(seen: View, *, diff: bool) -> None:
    document = plans.plan_document(seen.plan, seen.problems)
    document["held"] = plans.held_document(seen.held) if seen.held else None
    if diff:
        document["diff"] = _diff(seen)
    click.echo(json.dumps(document, indent=2, ensure_ascii=False))


def _print_table(seen: View, *, diff: bool) -> None:
    differences = _diff(seen) if diff else ""
    click.echo("\n\n".join(part.rstrip("\n") for part in _parts(seen)))
    if diff:
        click.echo(f"\n{coloured(differences)}" if differences else "\nno file differs", nl=not differences)


def _page(seen: View) -> str:
    """For a comment on a pull request."""
    snapshot = seen.desired.snapshot
    notes = [plans.held_text(seen.held)] if seen.held is not None else []
    return markdown.page(
        seen.plan,
        config=_masked(seen, snapshot.config.revision),
        src=_masked(seen, snapshot.src.revision),
        notes=[seen.scrub(note) for note in (*notes, *_notes(seen))],
        problems=[replace(problem, message=seen.scrub(problem.message)) for problem in seen.problems],
        diffs=deploys.diffs(seen),
    )


def _masked(seen: View, revision: Revision) -> Revision:
    return replace(revision, author=seen.scrub(revision.author), subject=seen.scrub(revision.subject))


def _notes(seen: View) -> Iterator[str]:
    """What is to be said about services that have no step, or may not begin theirs."""
    if seen.plan.kept:
        renamed = seen.plan.renamed
        names = ", ".join(
            f"{name} (renamed to {renamed[name]})" if name in renamed else name for name in seen.plan.kept
        )
        yield f"kept, though gone from the tree: {names}"
    if holds := view.holds_in_force(seen):
        now = time.time()
        yield "\n".join(f"held: {view.hold_text(hold, now=now)}" for hold in holds)


def _diff(seen: View) -> str:
    return "".join(text for _, text in deploys.diffs(seen))


def _parts(seen: View) -> Iterator[str]:
    """The paragraphs of the table form."""
    yield seen.scrub(heading(seen.desired.snapshot, now=time.time()))
    yield steps(seen)
    if seen.plan.steps:
        yield plans.counts(seen.plan).sentence
    if seen.held is not None:
        yield table.styled(plans.held_text(seen.held), "yellow")
    yield from (table.plain(note) for note in _notes(seen))
    if seen.problems:
        yield "\n".join(["problems:", *(f"  {text}" for text in exits.lines(seen.problems))])


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
    if but := "; ".join(_exceptions(seen, at)):
        return f"nothing to do, but not all is well: {but} (see below)"
    return f"nothing to do: every service runs what {at} asks for"


def _exceptions(seen: View, at: str) -> Iterator[str]:
    """Services that do not run what is asked for, though no step is planned for them."""
    if seen.desired.is_broken:
        yield f"{at} cannot be used, so the last good state stays"
        return
    if refused := sorted(seen.refused):
        yield f"the newest commit of {' and '.join(refused)} is refused"
    if invalid := sorted(seen.desired.invalid):
        yield f"{', '.join(invalid)} cannot run as {at} has it"
    if pinned := sorted(pins.pinned(seen.memory)):
        yield f"{', '.join(pinned)} {'is' if len(pinned) == 1 else 'are'} rolled back, and {at} asks for another release"


def coloured(differences: str) -> str:
    """A diff in the colours that people know from git."""
    return "".join(table.styled(text, _colour(text)) for text in differences.splitlines(keepends=True))


def _colour(text: str) -> str | None:
    if text.startswith(("+++", "---")):
        return None
    return {"+": "green", "-": "red", "@": "cyan"}.get(text[:1])
