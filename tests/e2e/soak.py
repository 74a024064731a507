"""A soak: random pushes, edits of the live tree, breakage, faults, SIGKILL and power cuts against the real daemon, then every promise is checked.

`make soak` (SOAK_SECONDS, SOAK_SEED), or `python -m tests.e2e.soak --seconds 60 --seed 1`. It prints counters and violations as JSON;
exit code 1 when there are any, and then everything is left where it was laid out. Not collected by pytest: it takes as long as it is told to.
"""

import argparse
import json
import random
import shutil
import sys
import tempfile
import time
from argparse import BooleanOptionalAction
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from paiwatch.control import client
from tests.e2e import power
from tests.e2e.audit import end_state, rows, violations
from tests.e2e.mischief import Mischief, revive, small_disk
from tests.e2e.platform import Platform
from tests.e2e.power import Disk
from tests.e2e.upheaval import NAMES, World


def usage(pid: int) -> dict[str, int]:
    """What a process holds now."""
    proc = Path("/proc") / str(pid)
    status = dict(
        line.split(":\t", 1) for line in (proc / "status").read_text().splitlines() if ":\t" in line
    )
    children = [child for task in (proc / "task").iterdir() for child in _read(task / "children").split()]
    zombies = sum(1 for child in children if _state(child) == "Z")
    return {
        "rss_kib": int(status["VmRSS"].split()[0]),
        "threads": int(status["Threads"]),
        "fds": sum(1 for _ in (proc / "fd").iterdir()),
        "children": len(children),
        "zombies": zombies,
    }


def _state(pid: str) -> str:
    return (_read(Path(f"/proc/{pid}/stat")).rpartition(")")[2].split() or [""])[0]


def _read(file: Path) -> str:
    """A file of /proc; "" when what it tells of has ended."""
    try:
        return file.read_text()
    except OSError:
        return ""


@dataclass(slots=True)
class Soak:
    """One soak: `kills` says whether the daemon is killed at random instants, `mischief` does all else that goes wrong.

    Where the state has a `disk` of its own, its power is cut too.
    """

    world: World
    kills: bool
    mischief: Mischief | None = None
    disk: Disk | None = None
    samples: list[dict[str, int]] = field(default_factory=list)

    def run(self, seconds: float, pushes: int) -> Iterator[str]:
        """Do it; gives the violations."""
        world, lab = self.world, self.world.lab
        lab.start()
        deadline = time.monotonic() + seconds
        count = 0
        while count < pushes if pushes else time.monotonic() < deadline:
            count += 1
            for _ in range(world.chance.choice((1, 1, 2, 4))):
                world.edit()
            world.push(f"push {count}")
            time.sleep(world.chance.choice((0.0, 0.05, 0.2, 0.6)))  # people's own pace
            yield from self.make_trouble()
            yield from self.look()
        if self.mischief is not None:
            yield from self.mischief.undo()
            yield from self.look()
        yield from self.settle(world.make_whole())
        for name in sorted(world.needs):  # a last change of each alone, from rest
            world.values[name] += 1
        world.config("last")
        yield from self.settle(world.push("last"))

    def make_trouble(self) -> Iterator[str]:
        """Now and then something goes wrong, lasts for a few pushes, and is over."""
        if self.mischief is not None and (chosen := self.world.chance.random()) < 0.6:
            yield from self.mischief.do() if chosen < 0.35 else self.mischief.undo()
        if self.kills and self.world.chance.random() < 0.3:
            yield from self.strike()

    def strike(self) -> Iterator[str]:
        """Kill the daemon, look at the record, start it again; sometimes at once, while it starts."""
        lab, chance = self.world.lab, self.world.chance
        for _ in range(chance.choice((1, 1, 1, 2, 3))):
            self._end()
            if chance.random() < 0.3:
                try:
                    lab.json("history", "-n", "5")
                except AssertionError as fault:
                    yield f"history without a daemon: {fault}"
            lab.start()
            time.sleep(chance.random() * 2.5)  # the instant of the next death

    def _end(self) -> None:
        """Kill the daemon alone, or with all its scripts and what the disk had not got."""
        lab = self.world.lab
        is_cut = self.disk is not None and self.world.chance.random() < 0.5
        if self.disk is not None and is_cut:
            self.disk.cut()
        lab.kill()  # a daemon that has only begun to start has nothing to do with the disk
        self.world.counts["power cuts" if is_cut else "kills"] += 1

    def look(self) -> Iterator[str]:
        """The daemon lives and is measured."""
        process = self.world.lab.process
        assert process is not None
        if revive(self.world.lab):
            return
        if process.poll() is not None:
            yield f"the daemon ended by itself: {process.returncode}\n{self.world.lab.log()[-3000:]}"
            self.world.lab.start()
        else:
            self.samples.append(usage(process.pid))

    def settle(self, commit: str) -> Iterator[str]:
        """Until all is as asked: settled on this commit with nothing backing off."""
        lab = self.world.lab
        deadline = time.monotonic() + 90
        while time.monotonic() < deadline:
            progress = client.ask(lab.root / "state", {"verb": "progress"}) or {}
            is_there = (progress.get("snapshot") or {}).get("config") == commit
            if is_there and progress.get("settled") and not list(end_state(self.world)):
                return
            time.sleep(0.1)  # a bounded poll of a real daemon; nothing signals us
        yield f"not settled on {commit}: {json.dumps(lab.json('status'), indent=1)[-3000:]}"


def build(root: Path, seed: int) -> World:
    """Six services, each on up to two of those before it. Every second seed has a repository that is fetched."""
    retries = "retries: {attempts: 3, first: 100ms, max: 500ms}"
    repo = f"file://{root / 'config.git'}" if seed % 2 else ""
    lab = Platform(
        root, repo=repo, operators=f"{{parallel: 4, timeout: 30s, grace: 1s, removed: stop, {retries}}}"
    )
    world = World(lab, random.Random(seed))
    (root / "locks").mkdir(parents=True)
    lab.build({})
    for name in NAMES[:6]:
        earlier = sorted(world.needs)
        world.needs[name] = set(world.chance.sample(earlier, min(len(earlier), 2)))
        world.values[name] = 0
        world.write(name)
    world.config()
    world.push("first")
    return world


def report(soak: Soak, found: list[str], seconds: float) -> dict[str, Any]:
    """Counters, what the daemon held, violations."""
    root, counts = soak.world.lab.root, soak.world.counts
    outcomes = Counter(row["outcome"] for row in rows(root / "state", "select outcome from runs"))
    return {
        "root": str(root),
        "seconds": round(seconds, 1),
        "commits pushed": counts["pushes"],
        "runs": sum(outcomes.values()),
        "kills": counts["kills"],
        "power cuts": counts["power cuts"],
        "faults injected": counts["faults"],
        "counts": dict(sorted(counts.items())),
        "outcomes of runs": dict(outcomes),
        "outcomes of steps": dict(
            Counter(row["outcome"] for row in rows(root / "state", "select outcome from steps"))
        ),
        "daemon at the end": soak.samples[-1],
        "daemon at most": {key: max(sample[key] for sample in soak.samples) for key in soak.samples[0]},
        "violations": found,
    }


def power_disk(stack: ExitStack, folder: Path) -> Disk | None:
    """A disk whose power can be cut while the stack lasts; None, told, where none can be mounted."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        return stack.enter_context(power.disk(folder, power.HARSH))
    except pytest.skip.Exception as reason:
        print(f"no power cuts: {reason}", file=sys.stderr)
        return None


def soaked(given: argparse.Namespace, root: Path) -> dict[str, Any]:
    """Lay everything out, soak, and check every promise."""
    with ExitStack() as stack:
        disk = power_disk(stack, root / "state") if given.power else None
        is_small = disk is not None or (given.faults and stack.enter_context(small_disk(root / "state")))
        world = build(root, given.seed)
        mischief = Mischief(world, can_fill=is_small) if given.faults else None
        soak = Soak(world, given.kills, mischief, disk)
        began = time.monotonic()
        try:
            found = [*soak.run(given.seconds, given.pushes), *violations(world)]
            if code := world.lab.stop():
                found.append(f"exit code of the daemon: {code}")
        finally:
            if world.lab.process is not None and world.lab.process.poll() is None:
                world.lab.kill()
        if found and is_small:  # the small disk ends with this block
            shutil.copytree(root / "state", root / "state.left", symlinks=True)
        return report(soak, found, time.monotonic() - began)


def main() -> int:
    """Parse, soak, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--pushes", type=int, default=0, help="so many pushes, however long that takes")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--kills", action=BooleanOptionalAction, default=True, help="kill the daemon at random instants"
    )
    parser.add_argument(
        "--faults", action=BooleanOptionalAction, default=True, help="let all else go wrong too"
    )
    parser.add_argument(
        "--power",
        action=BooleanOptionalAction,
        default=True,
        help="cut the power, where a disk can be mounted",
    )
    parser.add_argument("--root", type=Path, help="where everything is laid out; must not exist")
    given = parser.parse_args()
    root = given.root or Path(tempfile.mkdtemp(prefix="paiwatch-soak-"))
    told = soaked(given, root)
    print(json.dumps(told, indent=1))
    if not told["violations"] and given.root is None:
        shutil.rmtree(root)
    return 1 if told["violations"] else 0


if __name__ == "__main__":
    sys.exit(main())
