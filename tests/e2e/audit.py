"""Audit: the promises, checked afterwards against what scripts wrote and what the record says."""

import sqlite3
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.e2e.platform import Platform
from tests.e2e.upheaval import NAMES, World

_BUILDING = frozenset({"start", "refresh"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line that a script wrote; `needs` are the prerequisites in the service.yaml of its stage."""

    at: float
    what: str  # begin | end | overlap
    service: str
    operator: str
    run: int
    generation: int
    needs: frozenset[str]


def read_trace(lab: Platform) -> list[Line]:
    """What scripts wrote, in order."""
    lines = []
    for text in lab.trace_file.read_text().splitlines():
        at, what, service, operator, run, generation, *needs = text.split()
        lines.append(
            Line(
                at=float(at),
                what=what,
                service=service,
                operator=operator,
                run=int(run),
                generation=int(generation),
                needs=frozenset(filter(None, needs[0].split(","))) if needs else frozenset(),
            )
        )
    return lines


def rows(state: Path, query: str) -> list[dict[str, Any]]:
    """From the record, read only."""
    with closing(sqlite3.connect(f"file:{state}/record.db?mode=ro", uri=True)) as connection:
        connection.row_factory = sqlite3.Row
        return [dict(row) for row in connection.execute(query)]


def violations(world: World) -> Iterator[str]:
    """Promises that were broken."""
    lab = world.lab
    trace = read_trace(lab)
    yield from (f"overlap: {line}" for line in trace if line.what == "overlap")
    state = lab.root / "state"
    generations = {row["id"]: row for row in rows(state, "select * from generations")}
    steps = rows(state, "select * from steps")
    runs = {row["id"]: row for row in rows(state, "select * from runs")}
    yield from (f"generation left open: {row}" for row in generations.values() if row["closed"] is None)
    yield from (f"step without outcome: {row}" for row in steps if row["outcome"] is None)
    yield from (f"step without reason: {row}" for row in steps if row["reasons"] in {"", "[]"})
    yield from (f"run without outcome: {row}" for row in runs.values() if row["outcome"] is None)
    yield from _order(trace, generations, steps, runs)
    yield from end_state(world)


def _order(
    trace: list[Line], generations: dict[int, Any], steps: list[dict[str, Any]], runs: dict[int, Any]
) -> Iterator[str]:
    """Whoever begins finds its prerequisites done as its generation asks, and none of them running."""
    planned: dict[int, set[str]] = defaultdict(set)
    for step in steps:
        if step["operator"] in _BUILDING:
            planned[step["generation"]].add(step["service"])
    running: dict[str, Line] = {}
    done: dict[str, float] = {}  # when the service last ended well
    for line in trace:
        outcome = runs.get(line.run, {}).get("outcome", "succeeded")
        if line.what == "begin":
            accepted = generations.get(line.generation, {"accepted": 0})["accepted"] / 1000
            yield from _impatience(line, running, done, planned=planned[line.generation], accepted=accepted)
            if outcome != "interrupted":  # such a one has no end
                running[line.service] = line
        elif line.what == "end":
            running.pop(line.service, None)
            if outcome == "succeeded":
                done[line.service] = line.at


def _impatience(
    line: Line, running: dict[str, Line], done: dict[str, float], *, planned: set[str], accepted: float
) -> Iterator[str]:
    if line.operator not in _BUILDING:
        return
    for need in line.needs:
        other = running.get(need)
        # A newer commit's run of a prerequisite may begin at any time: only one that was there first counts.
        if other is not None and other.operator in _BUILDING and other.run < line.run:
            yield f"order: {line} began while {other} ran"
        if need in planned and done.get(need, 0.0) < accepted - 0.05:  # the record counts in milliseconds
            yield f"order: {line} began before {need} was done in its generation"


def end_state(world: World) -> Iterator[str]:
    """What runs differently from what the trees ask for."""
    for name in NAMES:
        wanted = f"{world.values[name]} {world.motto}" if name in world.needs else ""
        if (found := world.lab.value(name)) != wanted:
            yield f"end: {name} runs with {found!r}, wanted {wanted!r}"
    left = [path.name for path in (world.lab.root / "state" / "stages").glob("*")]
    if left:
        yield f"end: stages left: {left}"
