"""A plan as Markdown for a comment on a pull request: both numbers, the steps with reasons, problems, collapsed diffs.

Whatever stands in a value, name or subject is shown and never obeyed; secrets were masked by the caller. The page is never
longer than the hosts of repositories accept: what does not fit is counted.
"""

import re
from collections.abc import Iterable, Iterator, Sequence

from paiwatch.plan.plan import Plan, Step
from paiwatch.plan.wording import tell
from paiwatch.problem import Problem
from paiwatch.report import plans
from paiwatch.snapshot import Revision

#: Characters of a page; GitHub takes 65,536.
LIMIT = 60_000

_ROOM_FOR_NOTES = 1_000
_LEAST_DIFF = 400  # a shorter rest of a diff tells nothing
_MOST_REASONS = 5
_LONGEST_TEXT = 1_000
_MARKUP = re.compile(r"[&<>|`*_\[\]\\~#]")
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_TICKS = re.compile(r"`+")


class _Page:
    """Text that grows as long as it fits."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self.room = LIMIT - _ROOM_FOR_NOTES

    def add(self, text: str) -> bool:
        """Put it down if there is room."""
        if len(text) > self.room:
            return False
        self._parts.append(text)
        self.room -= len(text)
        return True

    def note(self, text: str) -> None:
        """Put down what is short and must be said; there is room for it."""
        self._parts.append(text)

    def text(self) -> str:
        """All of it."""
        return "".join(self._parts)


def page(
    plan: Plan,
    *,
    config: Revision,
    src: Revision,
    notes: Sequence[str] = (),
    problems: Sequence[Problem] = (),
    diffs: Iterable[tuple[str, str]] = (),
) -> str:
    """The whole comment. `notes` are sentences about the plan as a whole; `diffs` are services with their unified diffs."""
    made = _Page()
    title = plans.counts(plan).sentence if plan.steps else "nothing to do"
    made.add(f"### paiwatch: {title}\n\n")
    made.add(f"config {_revision(config)}<br>src {_revision(src)}\n")
    for number, note in enumerate(notes):
        if not made.add(f"\n{shown(note)}\n"):
            made.note(f"\n… and {len(notes) - number} more remarks; `paiwatch plan` shows them\n")
            break
    _add_steps(made, plan.steps)
    _add_problems(made, problems)
    _add_diffs(made, diffs)
    return made.text()


def shown(text: str) -> str:
    """The text as Markdown and HTML show it, on one line, whatever it contains; it mentions and references nobody."""
    line = _CONTROLS.sub(" ", text)
    if len(line) > _LONGEST_TEXT:
        line = f"{line[:_LONGEST_TEXT]}…"
    return _MARKUP.sub(lambda found: f"&#{ord(found[0])};", line).replace("@", "@&#8203;")


def _revision(revision: Revision) -> str:
    known = " ".join(filter(None, (revision.author and f"{revision.author}:", revision.subject)))
    return f"`{revision.short}` {shown(known)}".rstrip()


def _add_steps(made: _Page, steps: Sequence[Step]) -> None:
    if not steps:
        return
    made.add("\n| # | level | operator | service | kind | why |\n|--:|--:|---|---|---|---|\n")
    for number, step in enumerate(steps, 1):
        cells = (str(number), str(step.level), step.id.operator, step.id.service, step.kind)
        row = " | ".join([*map(shown, cells), "<br>".join(_whys(step))])
        if not made.add(f"| {row} |\n"):
            made.note(f"\n… and {len(steps) - number + 1} more steps; `paiwatch plan` shows them\n")
            return


def _whys(step: Step) -> Iterator[str]:
    if step.held_by:
        yield shown(f"held: waits for {', '.join(step.held_by)}")
    for reason in step.reasons[:_MOST_REASONS]:
        yield shown(tell(reason))
    if len(step.reasons) > _MOST_REASONS:
        yield f"… and {len(step.reasons) - _MOST_REASONS} more"


def _add_problems(made: _Page, problems: Sequence[Problem]) -> None:
    if problems:
        made.add("\n**Problems**\n\n")
    for number, problem in enumerate(problems):
        said = f"{problem.place}: {problem.severity}: {plans.problem_text(problem)}"
        if not made.add(f"* {shown(said)}\n"):
            made.note(f"\n… and {len(problems) - number} more problems; `paiwatch validate` shows them\n")
            return


def _add_diffs(made: _Page, diffs: Iterable[tuple[str, str]]) -> None:
    for service, diff in diffs:
        if made.add(_collapsed(service, diff)):
            continue
        spare = made.room - len(_collapsed(service, "", ticks=_longest_ticks(diff)))
        if spare >= _LEAST_DIFF:
            made.add(_collapsed(service, _cut(diff, spare), ticks=_longest_ticks(diff)))
        made.note("\nThe rest of the diffs is too long for a comment; `paiwatch plan --diff` shows it\n")
        return


def _collapsed(service: str, diff: str, *, ticks: int | None = None) -> str:
    """A fence longer than any in the text: nothing in a diff can end it."""
    fence = "`" * (max(3, 1 + (_longest_ticks(diff) if ticks is None else ticks)))
    return f"\n<details><summary>{shown(service)}</summary>\n\n{fence}diff\n{diff}{fence}\n\n</details>\n"


def _longest_ticks(text: str) -> int:
    return max(map(len, _TICKS.findall(text)), default=0)


def _cut(diff: str, room: int) -> str:
    """Whole lines only."""
    kept, _, _ = diff[:room].rpartition("\n")
    return f"{kept}\n" if kept else ""
