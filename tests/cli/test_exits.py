"""Every way a command can end has its exit code, and says so on standard error."""

import subprocess
import sys

import click
import pytest

from paiwatch.cli import exits
from paiwatch.errors import BusyError, ConfigError, StalledError, StoreError, TransientError
from paiwatch.problem import Problem, Severity


def a_command(error: BaseException | None = None) -> click.Command:
    @click.command()
    def command() -> None:
        if error is not None:
            raise error

    return command


@pytest.mark.parametrize(
    ("error", "code"),
    [
        pytest.param(None, 0, id="done"),
        pytest.param(StalledError("branch 'x' does not exist"), 1, id="stalled"),
        pytest.param(TransientError("no answer from git.example.com"), 1, id="transient"),
        pytest.param(StoreError("/state/record.db: cannot be read"), 1, id="store"),
        pytest.param(ConfigError("config.yaml: 1 fault"), 2, id="config"),
        pytest.param(BusyError("a daemon runs already, pid 7"), 2, id="busy"),
        pytest.param(click.UsageError("--out is missing"), 2, id="usage"),
        pytest.param(RuntimeError("boom"), 3, id="bug"),
        pytest.param(KeyboardInterrupt(), 130, id="interrupted"),
        pytest.param(click.Abort(), 130, id="aborted"),
        pytest.param(click.exceptions.Exit(1), 1, id="left-with-1"),
    ],
)
def test_every_ending_has_its_code(
    error: BaseException | None, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exits.run(a_command(error), []) == code

    said = capsys.readouterr().err
    assert (str(error) in said) or error is None or not str(error) or code in {1, 130}


def test_all_problems_of_the_settings_are_printed_one_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    problems = (
        Problem(file="config.yaml", line=3, column=5, message="unknown key 'foo'", remedy="remove it"),
        Problem(file="config.yaml", line=9, severity=Severity.WARNING, message="odd"),
    )

    exits.run(a_command(ConfigError("config.yaml cannot be used", problems)), [])

    assert capsys.readouterr().err.splitlines() == [
        "paiwatch: config.yaml cannot be used",
        "config.yaml:3:5: error: unknown key 'foo'; remove it",
        "config.yaml:9: warning: odd",
    ]


def test_a_bug_shows_where_but_no_values(capsys: pytest.CaptureFixture[str]) -> None:
    @click.command()
    def command() -> None:
        password = "hunter" + "2"
        raise RuntimeError(len(password))

    assert exits.run(command, []) == 3

    said = capsys.readouterr().err
    assert "RuntimeError: 7" in said
    assert "report" in said
    assert "hunter2" not in said


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (MemoryError(), "paiwatch: out of memory; give it more"),
        (
            RuntimeError("can't start new thread"),
            "paiwatch: no thread could be started; allow more processes",
        ),
    ],
    ids=["memory", "threads"],
)
def test_what_the_machine_does_not_give_is_no_bug(
    error: Exception, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exits.run(a_command(ExceptionGroup("tasks", [ExceptionGroup("inner", [error])])), []) == 1

    assert capsys.readouterr().err.startswith(said)


def test_a_reader_that_goes_away_is_no_bug() -> None:
    code = """
import sys, click
from paiwatch.cli import exits
@click.command()
def command():
    for number in range(int(sys.argv[1])):
        click.echo("line " * 10)
sys.exit(exits.run(command, []))
"""
    for lines in ("1", "100000"):
        writer = subprocess.Popen(
            [sys.executable, "-c", code, lines], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        assert writer.stdout is not None
        assert writer.stderr is not None
        writer.stdout.close()

        said = writer.stderr.read()
        writer.stderr.close()

        assert writer.wait(60) == 1
        assert said == b""


def test_what_is_said_of_several_services_alike_is_said_once() -> None:
    problems = [Problem(file="f", line=2, message="is odd", service=name) for name in ("a", "b")]

    assert exits.lines([*problems, Problem(file="g", message="is alone", service="c")]) == [
        "f:2: error: is odd (2 services: a, b)",
        "g: error: is alone",
    ]
