"""The comment on a pull request: right, harmless and never too long."""

import re
from functools import partial

from hypothesis import given, settings
from hypothesis import strategies as st

from paiwatch.plan.plan import Kind, Reason
from paiwatch.problem import Problem
from paiwatch.report import markdown
from paiwatch.report.markdown import LIMIT, shown
from tests.builders import a_snapshot
from tests.report.builders import a_plan, a_step

SNAPSHOT = a_snapshot()
page = partial(markdown.page, config=SNAPSHOT.config.revision, src=SNAPSHOT.src.revision)


def reason(detail: str) -> Reason:
    return Reason(kind="file", detail=detail)


def test_a_page_has_both_numbers_steps_problems_and_collapsed_diffs() -> None:
    plan = a_plan(
        a_step("web", reasons=(reason("a | b"), reason("c"))),
        a_step("db", kind=Kind.DEPENDENT, held_by=("bad",), reasons=(reason("d"),)),
    )
    problem = Problem(file="src/x", line=3, message="is <b>wrong</b>", remedy="mend it")

    text = page(plan, notes=["kept: old"], problems=[problem], diffs=[("web", "+port=1\n")])

    assert text == (
        "### paiwatch: 2 services: 1 changed, 1 pulled in as dependents\n\n"
        "config `cccccccc` a commit<br>src `dddddddd` a commit\n"
        "\nkept: old\n"
        "\n| # | level | operator | service | kind | why |\n|--:|--:|---|---|---|---|\n"
        "| 1 | 0 | refresh | web | changed | a &#124; b<br>c |\n"
        "| 2 | 0 | refresh | db | dependent | held: waits for bad<br>d |\n"
        "\n**Problems**\n\n* src/x:3: error: is &#60;b&#62;wrong&#60;/b&#62;; mend it\n"
        "\n<details><summary>web</summary>\n\n```diff\n+port=1\n```\n\n</details>\n"
    )


def test_nothing_to_do_is_one_line() -> None:
    assert page(a_plan()).startswith("### paiwatch: nothing to do\n")


def test_nothing_in_a_diff_can_end_its_fence() -> None:
    text = page(a_plan(), diffs=[("web", "+```\n+````\n")])

    assert "\n`````diff\n+```\n+````\n`````\n" in text


def test_nobody_is_mentioned() -> None:
    assert shown("by @ana, see #12") == "by @&#8203;ana, see &#35;12"


@settings(max_examples=100)
@given(st.text(max_size=200))
def test_a_value_stays_on_its_line_in_its_cell_and_is_no_markup(text: str) -> None:
    line = shown(text)

    assert not re.search(r"[<>|`*_\[\]\\~\n\r]", line)
    assert not re.search(r"&(?!#\d+;)", line)


@settings(max_examples=40, deadline=None)
@given(
    steps=st.integers(0, 400),
    problems=st.integers(0, 300),
    diffs=st.lists(st.integers(0, 40_000), max_size=4),
    length=st.integers(0, 3000),
)
def test_a_page_is_never_too_long_and_always_whole(
    steps: int, problems: int, diffs: list[int], length: int
) -> None:
    plan = a_plan(*(a_step(f"s{number}", reasons=(reason("<" * length),) * 9) for number in range(steps)))

    text = page(
        plan,
        notes=["x" * length] * 3,
        problems=[Problem(file="f", line=number + 1, message="y" * length) for number in range(problems)],
        diffs=[(f"s{number}", "+`line`\n" * (size // 8)) for number, size in enumerate(diffs)],
    )

    assert len(text) <= LIMIT
    assert text.count("<details>") == text.count("</details>")
    assert text.count("\n```") == 2 * text.count("<details>")
    rows = [line for line in text.split("\n") if line.startswith("| ") and not line.startswith("| #")]
    assert {row.count("|") for row in rows} <= {7}
    left_out = re.search(r"… and (\d+) more steps", text)
    assert len(rows) + (int(left_out[1]) if left_out else 0) == steps


def test_a_long_diff_is_cut_at_a_line_and_the_rest_is_announced() -> None:
    text = page(a_plan(), diffs=[("a", "+line\n" * 20_000), ("b", "+b\n")])

    assert LIMIT - 1_100 < len(text) <= LIMIT
    assert "\n+line\n```\n" in text
    assert text.endswith("`paiwatch plan --diff` shows it\n")
    assert markdown.LIMIT == 60_000
