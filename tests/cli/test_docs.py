"""docs/cli.md has every verb, every option, every state and every exit code."""

import re
from pathlib import Path

import click
import pytest

from paiwatch.cli import root
from paiwatch.cli.exits import Code
from paiwatch.cli.verbs import VERBS
from paiwatch.report.status import State

GLOBAL = {"-c", "--config", "-o", "--output", "-h", "--help"}


@pytest.fixture(name="page")
def _page(project_root: Path) -> str:
    return (project_root / "docs" / "cli.md").read_text()


def section(page: str, verb: str) -> str:
    match = re.search(rf"^### {verb}\n(.*?)(?=^##|\Z)", page, re.DOTALL | re.MULTILINE)
    assert match is not None, f"docs/cli.md has no section '### {verb}'"
    return match[1]


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_and_option_is_documented(page: str, verb: str) -> None:
    text = section(page, verb)
    command = root.load(VERBS[verb])

    options = {
        name
        for each in command.params
        if isinstance(each, click.Option)
        for name in each.opts + each.secondary_opts
    }

    assert {name for name in options - GLOBAL if f"`{name}" not in text} == set()


def test_the_verbs_in_the_page_are_those_of_the_command(page: str) -> None:
    assert re.findall(r"^### (\S+)$", page, re.MULTILINE) == [*VERBS]


def test_every_global_option_is_documented(page: str) -> None:
    head = page.partition("## Converge")[0]
    options = {name for each in root.command.params for name in each.opts}

    assert {name for name in options if f"`{name}" not in head} == set()


def test_every_state_is_explained(page: str) -> None:
    assert re.findall(r"^\| `([a-z-]+)` \|", section(page, "status"), re.MULTILINE) == [*State]


def test_every_exit_code_is_explained(page: str) -> None:
    assert [int(code) for code in re.findall(r"^\| (\d+) \|", page, re.MULTILINE)] == [*Code]


@pytest.mark.parametrize("verb", VERBS)
def test_the_summary_in_the_table_needs_no_second_look(verb: str) -> None:
    command = root.load(VERBS[verb])

    assert command.name == verb
    assert VERBS[verb].summary.endswith(".")
    assert len(VERBS[verb].summary) <= 75
