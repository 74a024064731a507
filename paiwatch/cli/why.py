"""`paiwatch why`: why a service would run now, or why not; and why it ran last."""

import difflib
import json
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import click

from paiwatch.cli import exits, explained, holder, since, table, view
from paiwatch.cli.call import Call, shared
from paiwatch.cli.since import Since
from paiwatch.cli.view import View
from paiwatch.errors import ConfigError
from paiwatch.plan import why as explaining
from paiwatch.plan.guard import HeldPlan
from paiwatch.problem import Problem, errors
from paiwatch.record.history import History
from paiwatch.record.rows import RunRow
from paiwatch.report import plans, runs, times


@click.command()
@click.argument("service")
@shared
def why(call: Call, *, service: str) -> None:
    """Why SERVICE would run now: every reason, and the chain that brought it in. Or why not. Then why it ran last."""
    settings = call.settings()
    with view.look(settings) as look, History.open(settings.state) as past:
        seen = replace(look, plan=explained.explained(look, {service}))
        is_alive = holder.find(settings.state) is not None
        last = next((runs.as_seen(row, is_alive=is_alive) for row in past.runs(service, limit=1)), None)
        if last is None and service not in _known(seen):
            raise ConfigError(_unknown(service, seen))
        past_it = since.since_applied(service, seen, settings)
        if call.wants_json:
            document = _document(service, seen, last, past_it)
            click.echo(json.dumps(document, indent=2, ensure_ascii=False))
        else:
            width = table.screen_width()
            for text in _paragraphs(service, seen, last, past_it):
                click.echo(table.wrapped(table.plain(text), width))


def _known(seen: View) -> frozenset[str]:
    """Every service that the tree or the record names."""
    return frozenset(seen.desired.services) | seen.desired.invalid | frozenset(seen.memory)


def _unknown(service: str, seen: View) -> str:
    near = difflib.get_close_matches(service, sorted(_known(seen)), n=1)
    guess = f"; did you mean '{near[0]}'?" if near else "; `paiwatch graph` lists them"
    return f"there is no service '{service}', neither in the tree nor in the record{guess}"


def _why_not(service: str, seen: View) -> tuple[str, ...]:
    return explaining.why_not(service, seen.target, seen.memory, seen.plan)


def _paragraphs(service: str, seen: View, last: RunRow | None, past_it: Since) -> Iterator[str]:
    """Now, then what holds it, then the past."""
    for step in seen.plan.steps:
        if step.id.service == service:
            first, *rest = explaining.explain(step)
            yield "\n".join([f"would run: {first}", *(f"  {sentence}" for sentence in rest)])
    if sentences := _why_not(service, seen):
        first, *rest = *sentences, *past_it.sentences
        yield "\n".join([f"would not run: {first}", *(f"  {sentence}" for sentence in rest)])
    if (waiting := _waiting(service, seen)) is not None:
        yield f"held: {plans.held_text(waiting)}"
    now = time.time()
    yield from (f"held: {view.hold_text(hold, now=now)}" for hold in view.holds_in_force(seen, service))
    yield from exits.lines(_of_everybody(seen))
    if last is not None:
        yield "\n".join(_last(last, now))


def _of_everybody(seen: View) -> list[Problem]:
    """What keeps every service from what was pushed last, such as a commit that is refused."""
    return [problem for problem in errors(seen.problems) if not problem.service]


def _waiting(service: str, seen: View) -> HeldPlan | None:
    """The plan that must be approved first, when it would do something for the service."""
    return seen.held if seen.held is not None and service in seen.held.services else None


def _last(last: RunRow, now: float) -> list[str]:
    """The last run, and the reasons it had then."""
    when = times.ago(last.ended or last.began, now)
    return [
        f"last run: #{last.id} {last.operator} {runs.outcome(last)} {when} (config {last.config[:8]}, src {last.src[:8]})",
        *(f"  {reason.detail}" for reason in last.reasons),
    ]


def _document(service: str, seen: View, last: RunRow | None, past_it: Since) -> dict[str, Any]:
    """The shape of `why -o json` (docs/cli.md)."""
    waiting = _waiting(service, seen)
    own = [problem for problem in seen.plan.problems if problem.service == service]
    return {
        "service": service,
        "steps": [plans.step_document(step) for step in seen.plan.steps if step.id.service == service],
        "why_not": [*_why_not(service, seen), *past_it.sentences],
        "changed_elsewhere": [{"key": each.key, "readers": [*each.readers]} for each in past_it.keys],
        "held_plan": None if waiting is None else plans.held_document(waiting),
        "problems": [plans.problem_document(problem) for problem in (*own, *_of_everybody(seen))],
        "last_run": None if last is None else runs.run_document(last),
    }
