"""Topic of starting: a daemon that knows its services from an earlier life, until it has made its first plan."""

import os
import sys
import time

from bench import children, lab
from bench.estate import Estate, Way
from bench.ground import CHECKOUT, Scale
from bench.tables import Budget, Row, Table, median


def table() -> Table:
    """Without rows."""
    return Table(
        title="start → READY, everything applied: first look and plan, nothing to run",
        floor="a Python that lists the trees, reads every service.yaml and configuration file, and parses them",
    )


def measure(place: Estate, scale: Scale, label: str) -> Row:
    """Starts of a daemon that remembers this estate, each beside its floor, in turns."""
    place.write_settings(Way.PATH)
    ours, floors = [], []
    for number in range(min(scale.rounds, 3) + 1):
        pair = (_start(place), _floor(place))
        if number:  # the first one compiles bytecode
            ours.append(pair[0])
            floors.append(pair[1])
    is_large = place.plot.services > scale.small
    budget = Budget(ratio=4.0) if is_large else None
    return Row(what=f"{label}: p50 of {len(ours)}", ours=median(ours), floor=median(floors), budget=budget)


def _start(place: Estate) -> float:
    """Milliseconds from the start of the process to READY=1."""
    began = time.perf_counter()
    with lab.started(place):
        return (time.perf_counter() - began) * 1e3


def _floor(place: Estate) -> float:
    words = (sys.executable, "-m", "bench.start_floor", place.root / "src.git", place.config)
    argv = [os.fspath(word) for word in words]
    return children.wall(argv, env=place.ground.environment, cwd=CHECKOUT)
