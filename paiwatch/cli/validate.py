"""`paiwatch validate`: every problem of the settings and of both trees."""

import json
import os
from collections.abc import Sequence
from typing import Any

import click

from paiwatch.cli import exits, view
from paiwatch.cli.call import Call, shared
from paiwatch.cli.exits import Code
from paiwatch.errors import ConfigError
from paiwatch.problem import Problem, errors
from paiwatch.report.problems import document
from paiwatch.settings.file import load_with_warnings
from paiwatch.survey.hidden import hidden_inputs


@click.command()
@click.option("--strict", is_flag=True, help="Warnings count as errors.")
@shared
def validate(call: Call, *, strict: bool) -> None:
    """Check the settings and both trees; say every problem with its place and remedy. Exit 0: no errors, 2: errors."""
    services, problems = _examine(call)
    is_valid = not (problems if strict else errors(problems))
    if call.wants_json:
        click.echo(json.dumps(_document(services, problems, is_valid=is_valid), indent=2, ensure_ascii=False))
    else:
        click.echo("".join(f"{text}\n" for text in exits.lines(problems)), nl=False)
        click.echo(_summary(services, problems))
    exits.leave(Code.DONE if is_valid else Code.BAD_INPUT)


def _examine(call: Call) -> tuple[int, Sequence[Problem]]:
    """How many services were found, and what is wrong; faulty settings are problems like others, if they have a place."""
    try:
        settings, warnings = load_with_warnings(call.locate(), os.environ)
    except ConfigError as error:
        if not error.problems:
            raise
        return 0, error.problems
    with view.look(settings) as seen:
        hidden = hidden_inputs(seen.desired, seen.read_src)
        return len(seen.desired.services.keys() | seen.desired.invalid), (*warnings, *seen.problems, *hidden)


def _summary(services: int, problems: Sequence[Problem]) -> str:
    bad = len(errors(problems))
    warnings = len(problems) - bad
    return f"{_count(services, 'service')}: {_count(bad, 'error')}, {_count(warnings, 'warning')}"


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number or 'no'} {what}s"


def _document(services: int, problems: Sequence[Problem], *, is_valid: bool) -> dict[str, Any]:
    """The shape of `validate -o json` (docs/cli.md)."""
    return {
        "valid": is_valid,
        "services": services,
        "problems": [document(problem) for problem in problems],
    }
