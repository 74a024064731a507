"""What a person reads while steps run: one line as each begins and ends."""

from collections.abc import Mapping
from typing import Any

import click

_MARKS = {"succeeded": ("✔", "green"), "superseded": ("↷", "yellow"), "blocked": ("■", "yellow")}


def line(news: Mapping[str, Any]) -> str | None:
    """The line for one piece of news, None for what needs none."""
    match news.get("news"):
        case "accepted" | "held" | "waiting" | "refused":
            return _planned(news)
        case "began":
            again = f" (attempt {news['attempt']})" if news["attempt"] > 1 else ""
            return f"  ▶ {news['step']}{again}"
        case "ended":
            return _ended(news)
        case "dismissed":
            return _marked(news["outcome"], f"{news['step']} {news['outcome']}: {news['because']}")
        case "quarantined":
            return _quarantined(news)
        case _:
            return _rest(news)


def _planned(news: Mapping[str, Any]) -> str:
    if news["news"] == "refused":
        return click.style(f"refused: {news['message']}", fg="red")
    if news["news"] == "waiting":
        return click.style(f"waiting: {news['message']}", fg="red")
    if news["news"] == "held":
        why = "; ".join(news["reasons"])
        return click.style(f"held: {why}; `paiwatch approve {news['digest'][:12]}` lets it run", fg="yellow")
    count = len(news["steps"])
    work = "nothing to do" if not count else f"{count} step{'s' if count > 1 else ''}"
    return click.style(f"generation {news['generation']}: {work}", bold=True)


def _ended(news: Mapping[str, Any]) -> str:
    text = f"{news['step']} {news['outcome']} after {news['seconds']:.1f} s"
    text += f" ({news['message']})" if news["message"] else ""
    if news["outcome"] != "succeeded":
        text += f"; `paiwatch logs {news['run']}` shows its output"
    if news["retry_in"] is not None:
        text += f"; next try in {news['retry_in']:.0f} s"
    return _marked(news["outcome"], text)


def _quarantined(news: Mapping[str, Any]) -> str:
    note = f"; {news['note']}" if news.get("note") else ""
    return click.style(
        f"  ✘ {news['step']} quarantined after {_attempts(news['attempts'])}; "
        f"`paiwatch retry {news['service']}` or a new commit tries again{note}",
        fg="red",
    )


def _attempts(count: int) -> str:
    return f"{count} attempt{'' if count == 1 else 's'}"


def _rest(news: Mapping[str, Any]) -> str | None:
    if news.get("news") == "missed":
        return (
            f"  … {news['count']} more lines came faster than they were read; `paiwatch history` has what ran"
        )
    if news.get("news") == "rollback-ended":
        return f"  ↷ the rollback of {news['service']} has ended: {news['because']}"
    if news.get("news") != "rolled-back":
        return None
    also = f", and {', '.join(news['followers'])} with it" if news["followers"] else ""
    return click.style(
        f"  ↶ {news['service']} goes back to release {news['release'][:8]} from {news['instead_of'][:8]}{also}: "
        f"{news['because']}",
        fg="yellow",
    )


def _marked(outcome: str, text: str) -> str:
    mark, colour = _MARKS.get(outcome, ("✘", "red"))
    return f"  {click.style(mark, fg=colour)} {text}"
