"""Fail-points: the table and the code name the same places, and a place does what it was armed for."""

import ast
import errno
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from paiwatch import failpoint
from paiwatch.errors import ConfigError


@pytest.fixture(autouse=True)
def _disarmed() -> Iterator[None]:
    """No other test of this process may meet what was armed here."""
    yield
    failpoint.arm({})


def reached(file: Path) -> Iterator[str]:
    """The names that this module reaches: given to `reach`; the store reaches those of the changes that it has written."""
    if file.name == "writing.py":
        values = [
            node.value for node in ast.walk(ast.parse(file.read_bytes())) if isinstance(node, ast.Constant)
        ]
        yield from (str(value) for value in values if value in failpoint.POINTS)
    for node in ast.walk(ast.parse(file.read_bytes())):
        if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if called == "reach":
                yield str(node.args[0].value)


def test_every_place_of_the_table_is_in_the_code_once_and_every_place_in_the_code_is_in_the_table(
    project_root: Path,
) -> None:
    found = [name for file in (project_root / "paiwatch").rglob("*.py") for name in reached(file)]

    assert sorted(found) == sorted(failpoint.POINTS)


def test_every_place_is_described_in_the_documents(project_root: Path) -> None:
    page = (project_root / "docs" / "fail-points.md").read_text()

    rows = [line for line in page.splitlines() if line.startswith("| `")]
    assert rows == [f"| `{name}` | {what} |" for name, what in failpoint.POINTS.items()]


def test_unarmed_places_are_passed() -> None:
    failpoint.arm({})

    for name in failpoint.POINTS:
        failpoint.reach(name)


def test_a_fault_is_raised_the_time_it_was_asked_for_and_only_then() -> None:
    failpoint.arm({failpoint.VARIABLE: "stage.unfinished:2:ENOSPC,run.intended:1:EIO"})

    failpoint.reach("stage.unfinished")
    with pytest.raises(OSError, match="No space left") as raised:
        failpoint.reach("stage.unfinished")
    failpoint.reach("stage.unfinished")

    assert raised.value.errno == errno.ENOSPC
    with pytest.raises(OSError, match="Input/output"):
        failpoint.reach("run.intended")


def test_places_are_passed_uncounted_while_the_file_that_triggers_them_is_missing(tmp_path: Path) -> None:
    trigger = tmp_path / "now"
    failpoint.arm({failpoint.VARIABLE: "run.intended:2:EIO", failpoint.TRIGGER: str(trigger)})
    failpoint.reach("run.intended")
    failpoint.reach("run.intended")

    trigger.touch()
    failpoint.reach("run.intended")

    with pytest.raises(OSError, match="Input/output"):
        failpoint.reach("run.intended")


@pytest.mark.parametrize(
    "text",
    [
        "nowhere",
        "run.intended:0",
        "run.intended:soon",
        "run.intended:1:EWRONG",
        "run.intended:1:EIO:2",
    ],
)
def test_what_is_no_place_no_number_or_no_fault_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="PAIWATCH_FAILPOINT"):
        failpoint.arm({failpoint.VARIABLE: text})


def test_an_armed_place_kills_the_whole_process_at_once() -> None:
    code = "from paiwatch import failpoint as f\nf.arm({f.VARIABLE: 'run.intended:2'})\ntry:\n f.reach('run.intended'); print('passed', flush=True); f.reach('run.intended')\nfinally:\n print('never')"

    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, env=dict(os.environ)
    )

    assert done.returncode == -signal.SIGKILL
    assert done.stdout == "passed\n"
