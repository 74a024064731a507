"""Topics of the operators' own run, without a daemon: spawn (many scripts that do nothing) and capture (one that says much)."""

import asyncio
import os
import subprocess
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from bench.ground import LIMIT, Ground, NotMeasuredError, Scale
from bench.tables import Budget, Row, Table, median
from paiwatch.domain.run import Identity, Outcome
from paiwatch.operators import reaping, script
from paiwatch.operators.run import RunOrder
from paiwatch.scrub import Scrubber

_PARALLEL = (1, 2, 8)
_SECRET = "bench-secret-value"


@dataclass(frozen=True, slots=True)
class _Cost:
    """Milliseconds of wall time and of this process's CPU."""

    wall: float
    cpu: float


def measure_spawn(ground: Ground, scale: Scale) -> Table:
    """Milliseconds for each of many scripts that do nothing."""
    stage = ground.folder("spawn")
    (stage / "script.sh").write_text("#!/bin/bash\n:\n")
    table = Table(
        title=f"spawn, ms per script ({scale.scripts} that do nothing)", floor="`xargs -P`, the same script"
    )
    for parallel in _PARALLEL:
        table.rows += _spawn_rows(ground, stage, scale, parallel)
    return table


def measure_capture(ground: Ground, scale: Scale) -> Table:
    """Wall milliseconds to run a script whose output is a million lines, kept whole."""
    stage = ground.folder("capture")
    (stage / "script.sh").write_text(f"#!/bin/bash\nexec seq {scale.lines}\n")
    scrubber = Scrubber([_SECRET])

    def mask(piece: bytes) -> bytes:
        return scrubber.scrub(piece.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")

    took: dict[str, list[float]] = {"raw": [], "plain": [], "sed": [], "masked": []}
    for number in range(scale.rounds + 1):
        costs = {
            "raw": _raw_capture(ground, stage, "/bin/bash script.sh"),
            "plain": _captured(_order(ground, stage, 0)),
            "sed": _raw_capture(ground, stage, f"/bin/bash script.sh | sed s/{_SECRET}/•••/g"),
            "masked": _captured(_order(ground, stage, 1), mask),
        }
        for name, cost in costs.items() if number else ():
            took[name].append(cost)
    middle = {name: median(costs) for name, costs in took.items()}
    budget = Budget(ratio=2.0)
    table = Table(
        title=f"capture of {scale.lines:,} lines of output",
        floor="`bash script > file`; with a secret to mask, `bash script | sed s/…/…/ > file`",
    )
    table.rows = [
        Row(what="operators' run", ours=middle["plain"], floor=middle["raw"], budget=budget),
        Row(what="… with secrets masked", ours=middle["masked"], floor=middle["sed"], budget=budget),
    ]
    return table


def _spawn_rows(ground: Ground, stage: Path, scale: Scale, parallel: int) -> list[Row]:
    """xargs, bare asyncio and ours in turns."""
    count = scale.scripts
    xargs: list[float] = []
    bare: list[_Cost] = []
    ours: list[_Cost] = []
    for number in range(scale.rounds + 1):
        round_ = (
            _xargs(ground, stage, count, parallel),
            _timed(lambda: _many(count, parallel, lambda _: _bare(ground, stage))),
            _timed(
                lambda: _as_in_the_daemon(_many(count, parallel, lambda n: _run(_order(ground, stage, n))))
            ),
        )
        if number:
            xargs.append(round_[0] / count)
            bare.append(round_[1])
            ours.append(round_[2])
    floor, cpu = median(xargs), [median(cost.cpu / count for cost in costs) for costs in (ours, bare)]
    what = f"parallel {parallel}"
    return [
        Row(
            what=what,
            ours=median(cost.wall / count for cost in ours),
            floor=floor,
            budget=Budget(ratio=1.4),
        ),
        Row(what="  bare asyncio in our place", ours=median(cost.wall / count for cost in bare), floor=floor),
        Row(what="  our CPU, beside bare asyncio's", ours=cpu[0], floor=cpu[1], budget=Budget(ratio=1.3)),
    ]


def _timed(work: Callable[[], Awaitable[None]]) -> _Cost:
    """Cost of work on an event loop of its own."""

    async def measured() -> _Cost:
        wall, cpu = time.perf_counter(), time.process_time()
        await asyncio.wait_for(work(), LIMIT)
        return _Cost((time.perf_counter() - wall) * 1e3, (time.process_time() - cpu) * 1e3)

    return asyncio.run(measured())


async def _many(count: int, parallel: int, one: Callable[[int], Awaitable[None]]) -> None:
    """Call `one` with each number, at most `parallel` at once."""
    numbers = iter(range(count))

    async def lane() -> None:
        for number in numbers:
            await one(number)

    async with asyncio.TaskGroup() as lanes:
        for _ in range(parallel):
            lanes.create_task(lane())


async def _as_in_the_daemon(work: Awaitable[None]) -> None:
    """With the daemon's way to learn that a script has ended; asyncio's own again afterwards."""
    reaping.by_descriptor()
    await work
    asyncio.set_child_watcher(None)


async def _bare(ground: Ground, stage: Path) -> None:
    child = await asyncio.create_subprocess_exec(
        "/bin/bash",
        "script.sh",
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        cwd=stage,
        env=dict(ground.environment),
        start_new_session=True,
    )
    await child.wait()


async def _started(_: Identity) -> None:
    """Where the daemon would write the intent down."""


async def _run(order: RunOrder, mask: Callable[[bytes], bytes] | None = None) -> None:
    result = await script.run(order, on_start=_started, scrub=mask)
    if result.outcome is not Outcome.SUCCEEDED:
        raise NotMeasuredError(f"a script that does nothing {result.outcome}: {result.message}")


def _order(ground: Ground, stage: Path, number: int) -> RunOrder:
    return RunOrder(
        run=number,
        service=f"svc{number:05d}",
        operator="refresh",
        stage=stage,
        script="script.sh",
        env={**ground.environment, "PAIWATCH_RUN_ID": f"bench-{os.getpid()}-{number}"},
        log=stage / "logs" / f"{number}.log",
        log_limit=64 * 1024 * 1024,
        timeout=LIMIT,
        grace=1.0,
    )


def _xargs(ground: Ground, stage: Path, count: int, parallel: int) -> float:
    argv = ("xargs", "-P", str(parallel), "-n", "1", "/bin/bash")
    began = time.perf_counter()
    subprocess.run(
        argv, cwd=stage, env=dict(ground.environment), input=b"script.sh\n" * count, timeout=LIMIT, check=True
    )
    return (time.perf_counter() - began) * 1e3


def _captured(order: RunOrder, mask: Callable[[bytes], bytes] | None = None) -> float:
    """Milliseconds; raises NotMeasuredError when less is kept than was said. The log is removed again."""
    cost = _timed(lambda: _run(order, mask))
    if order.log.stat().st_size != (order.stage / "raw.log").stat().st_size:
        raise NotMeasuredError("not all of the output was kept")
    order.log.unlink()
    return cost.wall


def _raw_capture(ground: Ground, stage: Path, command: str) -> float:
    began = time.perf_counter()
    with (stage / "raw.log").open("wb") as sink:
        argv = ("/bin/bash", "-c", command)
        subprocess.run(argv, cwd=stage, env=dict(ground.environment), stdout=sink, timeout=LIMIT, check=True)
    return (time.perf_counter() - began) * 1e3
