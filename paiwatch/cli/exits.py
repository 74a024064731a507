"""Exit codes, and the one place that turns an exception into one.

0 done; 1 something failed (a step, the record, a source); 2 bad input (settings, arguments, files) or somebody else
holds what is needed; 3 a bug: the traceback, never with the values of variables, and how to report it; 4 `plan --exit-code`:
there is something to do; 130 interrupted.
"""

import os
import sys
from collections.abc import Iterable, Sequence
from dataclasses import replace
from enum import IntEnum
from io import TextIOWrapper
from pathlib import Path
from typing import NoReturn

import click

from paiwatch.cli import table
from paiwatch.errors import BusyError, ConfigError, PaiwatchError
from paiwatch.problem import Problem


class Code(IntEnum):
    """What the shell sees."""

    DONE = 0
    FAILED = 1
    BAD_INPUT = 2
    BUG = 3
    CHANGES = 4
    INTERRUPTED = 130


def leave(code: Code) -> NoReturn:
    """End the verb with this code; everything there is to say has been said."""
    raise click.exceptions.Exit(int(code))


def run(command: click.Command, arguments: Sequence[str]) -> int:
    """Run one command line and say on standard error what went wrong, if anything did. Gives the exit code."""
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # file names may be what no encoding can say
    try:
        result = command.main([*arguments], prog_name="paiwatch", standalone_mode=False)
        sys.stdout.flush()
    except click.ClickException as error:
        error.show()
        return Code.BAD_INPUT
    except (click.Abort, KeyboardInterrupt):
        return Code.INTERRUPTED
    except PaiwatchError as error:
        return report(error)
    except BrokenPipeError:
        return _stay_quiet()
    except Exception as error:  # noqa: BLE001 (the outermost place: a bug must name itself and have its exit code)
        return _report_shortage(error) or _report_bug()
    return result if isinstance(result, int) else Code.DONE


def report(error: PaiwatchError) -> Code:
    """Print an expected failure, every problem on its own line; gives its exit code."""
    click.secho(f"paiwatch: {error}", err=True, fg="red")
    if isinstance(error, ConfigError):
        for problem in error.problems:
            click.echo(line(problem), err=True)
    return Code.BAD_INPUT if isinstance(error, ConfigError | BusyError) else Code.FAILED


def line(problem: Problem) -> str:
    """`file:line:column: severity: message; remedy`, as editors and people read it."""
    remedy = f"; {problem.remedy}" if problem.remedy else ""
    return table.plain(f"{problem.place}: {problem.severity}: {problem.message}{remedy}")


def lines(problems: Iterable[Problem]) -> list[str]:
    """One line for each; what is said of several services alike is said once, with their names."""
    services: dict[Problem, list[str]] = {}
    for problem in problems:
        services.setdefault(replace(problem, service=""), []).append(problem.service)
    return [
        line(problem) if len(named) == 1 else f"{line(problem)} ({len(named)} services: {', '.join(named)})"
        for problem, named in services.items()
    ]


def _stay_quiet() -> Code:
    """The reader of our output went away (`paiwatch history | head`): what is still buffered goes nowhere."""
    with Path(os.devnull).open("wb") as nowhere:
        os.dup2(nowhere.fileno(), sys.stdout.fileno())
    return Code.FAILED


def _report_shortage(error: Exception) -> Code | None:
    """The machine gave no memory or no thread: nobody's bug; None for anything else."""
    first: BaseException = error
    while isinstance(first, BaseExceptionGroup):
        first = first.exceptions[0]
    if isinstance(first, MemoryError):
        short = "out of memory; give it more (systemd's MemoryMax=, `ulimit -v`)"
    elif isinstance(first, RuntimeError) and str(first) == "can't start new thread":
        short = "no thread could be started; allow more processes (systemd's TasksMax=, `ulimit -u`)"
    else:
        return None
    click.secho(f"paiwatch: {short}; the next start goes on from the record", err=True, fg="red")
    return Code.FAILED


def _report_bug() -> Code:
    """The traceback, without the values of variables, and what to do with it."""
    import traceback  # noqa: PLC0415 (36 ms that only a bug may cost)

    click.echo(traceback.format_exc(), err=True, nl=False)
    click.secho(
        "paiwatch: this is a bug in paiwatch. Please report the lines above with the output of "
        "`paiwatch --version` and the command you ran; read them first, lest they show something private.",
        err=True,
        fg="red",
    )
    return Code.BUG
