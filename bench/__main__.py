"""`python -m bench [TOPIC…]`: measure, print one table for each topic, leave nothing behind."""

import argparse
import os
import platform
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from typing import NoReturn

from bench import daemon_topics, git_topic, ground, planning_topic, script_topics, startup_topics
from bench.ground import QUICK, Ground, NotMeasuredError, Scale
from bench.tables import Row, Table, shown
from paiwatch import __version__

_PATIENCE = 900  # seconds the whole run may take, whatever goes wrong

_SINGLE: dict[str, Callable[[Ground, Scale], Table]] = {
    "help": startup_topics.measure_help,
    "import": startup_topics.measure_import,
    "spawn": script_topics.measure_spawn,
    "capture": script_topics.measure_capture,
    "git": git_topic.measure,
    "planning": planning_topic.measure,
}
TOPICS = (*daemon_topics.NAMES, *_SINGLE)


def main(arguments: Sequence[str]) -> int:
    """Measure these topics; 1 when something could not be measured. A budget that is not met is no failure."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("topics", nargs="*", metavar="TOPIC", help=f"default: all of {', '.join(TOPICS)}")
    parser.add_argument(
        "--quick", action="store_true", help="small counts, under a minute; ratios only roughly right"
    )
    words = parser.parse_args(arguments)
    if unknown := [topic for topic in words.topics if topic not in TOPICS]:
        parser.error(f"no topic {unknown[0]!r}; there are {', '.join(TOPICS)}")
    _bound()
    began = time.monotonic()
    with ground.prepared() as place:
        print(_conditions(place, is_quick=words.quick))
        tables = _measured(place, QUICK if words.quick else Scale(), words.topics or TOPICS)
    print(f"\n{_verdict(tables)} ({time.monotonic() - began:.0f} s)")
    return int(any(row.verdict.startswith("FAILED") for table in tables for row in table.rows))


def _measured(place: Ground, scale: Scale, topics: Sequence[str]) -> list[Table]:
    """Each table is printed as soon as it is there."""
    tables = []
    for name in (topic for topic in _SINGLE if topic in topics):
        print(f"  … {name}", file=sys.stderr, flush=True)
        tables.append(_guarded(name, place, scale))
        print(f"\n{shown(tables[-1])}", flush=True)
    wanted = [topic for topic in daemon_topics.NAMES if topic in topics]
    if wanted:
        found = daemon_topics.measure(place, scale, wanted)
        print("".join(f"\n{shown(table)}\n" for table in found), end="", flush=True)
        tables += found
    return tables


def _guarded(name: str, place: Ground, scale: Scale) -> Table:
    try:
        return _SINGLE[name](place, scale)
    except NotMeasuredError as fault:
        return Table(title=name, floor="-", rows=[Row(what=name, verdict=f"FAILED: {fault}")])


def _conditions(place: Ground, *, is_quick: bool) -> str:
    git = subprocess.run(("git", "--version"), capture_output=True, text=True, check=True).stdout.split()[2]
    where = (
        "in memory (/dev/shm)"
        if place.is_memory
        else f"NOT in memory ({place.root}): creating files may dominate"
    )
    machine = f"{platform.system()} {platform.release()}, {len(os.sched_getaffinity(0))} CPUs"
    versions = f"paiwatch {__version__}, Python {platform.python_version()}, git {git}"
    return f"{'quick run; ' if is_quick else ''}{versions}; {machine}; repositories and state {where}"


def _verdict(tables: Sequence[Table]) -> str:
    rows = [row for table in tables for row in table.rows]
    met, missed = (sum(row.is_met is claim for row in rows) for claim in (True, False))
    failed = sum(row.verdict.startswith("FAILED") for row in rows)
    return f"budgets met: {met}, not met: {missed}, not measured: {failed}"


def _bound() -> None:
    """End in order on TERM and when it takes far too long: contexts stop every process and remove every file."""

    def end(number: int, _: object) -> NoReturn:
        raise SystemExit(f"bench: ended by {signal.Signals(number).name}")

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGALRM, end)
    signal.alarm(_PATIENCE)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
