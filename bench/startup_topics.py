"""Topics of fresh interpreters: help (what a command costs before it does anything) and import (what the daemon loads)."""

import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from bench import children
from bench.ground import CHECKOUT, Ground, Scale
from bench.tables import Budget, Row, Table, median

_VERBS = 15
_CLICK = """\
import click

@click.group()
@click.version_option("1")
def main():
    "A plain program."

{verbs}
main()
"""
_VERB = """\
@main.command()
@click.argument("name", default="")
@click.option("--much", help="How much.")
def verb{number}(name, much):
    "Does thing {number}."
"""
_OTHERS = (
    "import sys, paiwatch.daemon.life\n"
    "print('\\n'.join(n for n, m in list(sys.modules.items())"
    " if n.split('.')[0] not in {'paiwatch', '__main__', 'sitecustomize'} and getattr(m, '__spec__', None)))"
)
_IMPORT_ALL = (
    "import contextlib, importlib, sys\n"
    "for name in open(sys.argv[1]).read().split():\n"
    "    with contextlib.suppress(ImportError):\n"
    "        importlib.import_module(name)\n"
)


def measure_help(ground: Ground, scale: Scale) -> Table:
    """`--help` and `--version` beside a click program of fifteen commands."""
    program = ground.root / "plain.py"
    verbs = "\n".join(_VERB.format(number=number) for number in range(_VERBS))
    program.write_text(_CLICK.format(verbs=verbs))
    cases = {
        "help": ("-m", "paiwatch", "--help"),
        "version": ("-m", "paiwatch", "--version"),
        "click help": (str(program), "--help"),
        "click version": (str(program), "--version"),
        "bare": ("-c", "pass"),
    }
    took = _interleaved(ground, scale.starts, list(cases.values()))
    each = dict(zip(cases, took, strict=True))
    budget = Budget(ratio=1.5)
    table = Table(title="start of a command (wall)", floor=f"a plain click program of {_VERBS} commands")
    table.rows = [
        Row(what="paiwatch --help", ours=each["help"], floor=each["click help"], budget=budget),
        Row(what="paiwatch --version", ours=each["version"], floor=each["click version"], budget=budget),
        Row(what="paiwatch --help, beside a bare `python -c pass`", ours=each["help"], floor=each["bare"]),
    ]
    return table


def measure_import(ground: Ground, scale: Scale) -> Table:
    """`import paiwatch.daemon.life` beside the same imports without any module of ours."""
    others = _output(ground, "-c", _OTHERS).split()
    listing = ground.root / "modules"
    listing.write_text("\n".join(others))
    ours, floor, bare = _interleaved(
        ground,
        scale.starts,
        [("-c", "import paiwatch.daemon.life"), ("-c", _IMPORT_ALL, str(listing)), ("-c", "pass")],
    )
    table = Table(
        title="import of the daemon (wall above a bare interpreter)",
        floor="every module that is not ours but is loaded by it",
    )
    table.rows = [
        Row(what="import paiwatch.daemon.life", ours=ours - bare, floor=floor - bare),
        Row(what="whole interpreter, beside a bare one", ours=ours, floor=bare, budget=Budget(ratio=16.0)),
        Row(
            what="kubernetes imported",
            verdict="NOT MET: yes" if "kubernetes" in others else "met: no",
        ),
    ]
    heaviest = ", ".join(f"{name} {cost:.0f} ms" for name, cost in _heaviest(ground))
    table.remarks = [f"heaviest, own time by package (the timer itself adds some): {heaviest}"]
    return table


def _interleaved(ground: Ground, rounds: int, cases: Sequence[Sequence[str]]) -> list[float]:
    """Median wall milliseconds of each case; a first round is not counted: it writes the bytecode."""
    took: list[list[float]] = [[] for _ in cases]
    for number in range(rounds + 1):
        for times, words in zip(took, cases, strict=True):
            cost = children.wall((sys.executable, *words), env=ground.environment, cwd=CHECKOUT)
            if number:
                times.append(cost)
    return [median(times) for times in took]


def _heaviest(ground: Ground) -> list[tuple[str, float]]:
    """The eight packages whose modules take longest, in milliseconds, from `-X importtime`."""
    script = ground.root / "importtime"
    words = ("-X", "importtime", "-c", "import paiwatch.daemon.life")
    _output(ground, "-c", _REDIRECT, str(script), sys.executable, *words)
    cost: Counter[str] = Counter()
    for line in script.read_text().splitlines():
        own, _, name = line.removeprefix("import time:").split("|")
        if own.strip().isdecimal():
            cost[name.strip().partition(".")[0]] += int(own)
    return [(name, microseconds / 1e3) for name, microseconds in cost.most_common(8)]


_REDIRECT = (
    "import subprocess, sys\n"
    "with open(sys.argv[1], 'wb') as sink:\n"
    "    sys.exit(subprocess.run(sys.argv[2:], stderr=sink).returncode)\n"
)


def _output(ground: Ground, *words: str, cwd: Path = CHECKOUT) -> str:
    return children.output((sys.executable, *words), env=ground.environment, cwd=cwd)
