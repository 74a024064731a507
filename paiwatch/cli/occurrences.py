"""Occurrences: what a person reads of each event that the record keeps, in the words that are used while steps run."""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

import click

from paiwatch import logs
from paiwatch.cli import narrate, table
from paiwatch.record.event_rows import EventRow
from paiwatch.report import acts

#: Narrated lines stand under their generation; the colour comes first.
_INDENT = re.compile(r"^((?:\x1b\[[0-9;]*m)*) +")


def line(event: EventRow) -> str:
    """What happened, on one line; of a kind that this paiwatch does not know, its facts."""
    facts = _clean({**event.data, "service": event.service, "run": event.run, "generation": event.generation})
    if event.kind == logs.COMMAND_GIVEN:
        return click.style(_one_line(acts.sentence(event)), bold=True)
    tell = _WORDS.get(event.kind)
    try:
        text = tell(facts) if tell is not None else None
    except (KeyError, TypeError, ValueError):  # a newer paiwatch wrote it
        text = None
    return _INDENT.sub(r"\1", text or _plainly(event, facts))


def _clean(facts: Any) -> Any:
    """The same, with texts that steer no terminal and stay on their line: scripts and commits are other people's."""
    if isinstance(facts, str):
        return _one_line(facts)
    if isinstance(facts, Mapping):
        return {name: _clean(fact) for name, fact in facts.items()}
    return [_clean(fact) for fact in facts] if isinstance(facts, list) else facts


def _one_line(text: str) -> str:
    return table.plain(" ".join(text.split()))


def _plainly(event: EventRow, facts: Mapping[str, Any]) -> str:
    known = {name: fact for name, fact in facts.items() if fact not in (None, "", [])}
    return f"{event.kind} {json.dumps(known, ensure_ascii=False)}"


def _step(facts: Mapping[str, Any]) -> dict[str, Any]:
    return {**facts, "step": f"{facts['operator']} {facts['service']}"}


def _began(facts: Mapping[str, Any]) -> str:
    first, *more = facts["why"] or [""]
    why = f": {first}" if first else ""
    rest = f" (and {len(more)} more reason{'s' if len(more) > 1 else ''})" if more else ""
    return f"{narrate.line({**_step(facts), 'news': 'began'})} as run {facts['run']}{why}{rest}"


def _accepted(facts: Mapping[str, Any]) -> str:
    told = narrate.line({**facts, "news": "accepted", "steps": range(facts["steps"])})
    return f"{told} (config {facts['config'][:8]}, src {facts['src'][:8]})"


def _closed(facts: Mapping[str, Any]) -> str:
    how = "succeeded" if facts["succeeded"] else "was replaced" if facts["replaced"] else "failed"
    text = f"generation {facts['generation']} {how} after {facts['seconds']:.1f} s"
    return click.style(text, fg="red" if how == "failed" else None, bold=True)


def _interrupted(facts: Mapping[str, Any]) -> str:
    ended = f"; {facts['ended']} of its processes were ended" if facts["ended"] else ""
    held = f"; it waits for `paiwatch retry {facts['service']}`" if facts["held"] else ""
    return click.style(
        f"✘ run {facts['run']} ({facts['operator']} {facts['service']}) was cut off{ended}{held}", fg="red"
    )


def _told(news: str) -> Callable[[Mapping[str, Any]], str | None]:
    """As it is narrated while it happens."""
    return lambda facts: narrate.line({**facts, "news": news})


def _told_of_step(news: str) -> Callable[[Mapping[str, Any]], str | None]:
    return lambda facts: narrate.line({**_step(facts), "news": news})


_WORDS: Mapping[str, Callable[[Mapping[str, Any]], str | None]] = {
    logs.PLAN_ACCEPTED: _accepted,
    logs.PLAN_HELD: _told("held"),
    logs.PLAN_APPROVED: lambda facts: f"plan {facts['digest'][:12]} is approved",
    logs.STEP_STARTED: _began,
    logs.STEP_FINISHED: _told_of_step("ended"),
    logs.STEP_DISMISSED: _told_of_step("dismissed"),
    logs.STEP_HELD: _told_of_step("quarantined"),
    logs.SERVICE_ROLLED_BACK: _told("rolled-back"),
    logs.ROLLBACK_ENDED: _told("rollback-ended"),
    logs.RUN_INTERRUPTED: _interrupted,
    logs.GENERATION_CLOSED: _closed,
}
