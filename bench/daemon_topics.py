"""Topics that need a running daemon: push, poll, memory, start. But for the last, it is started once and measured for all of them."""

import sys
import time
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field

from bench import children, estate, lab, start_topic
from bench.estate import Estate, Way
from bench.ground import Ground, NotMeasuredError, Scale
from bench.lab import Lab, Reaction
from bench.tables import Budget, Row, Table, median, quantile

NAMES = ("push", "poll", "memory", "start")
#: By way and whether the tree is the large one: p50 and p95 in floors; see docs/benchmarks.md for where they come from.
_PUSH = {
    (Way.PATH, False): (5.0, 4.0),
    (Way.PATH, True): (10.0, 7.0),
    (Way.FETCH, False): (1.6, 2.2),
    (Way.FETCH, True): (1.6, 2.2),
}
_ASYNCIO = "import asyncio\nasyncio.run(asyncio.sleep(60))"


def _tables() -> dict[str, Table]:
    push = Table(
        title="push → first line of the first script (one key of one service)",
        floor="inotify or SIGHUP, `git fetch` where we fetch, `git diff-tree`, spawn through asyncio; the same commits",
        remarks=[
            "path: from the moment the branch had moved, which is before `git push` returns; fetch: from the SIGHUP after it",
        ],
    )
    poll = Table(
        title="no-change poll (CPU of daemon and children)",
        floor="CPU of `git ls-remote` of the same repository",
        remarks=[
            "a poll is made by SIGHUP; the children's CPU is read in ticks of 10 ms over all polls together"
        ],
    )
    memory = Table(title="idle daemon (RSS, CPU)", floor="`asyncio.run(asyncio.sleep(…))` in a bare Python")
    return {"push": push, "poll": poll, "memory": memory, "start": start_topic.table()}


@dataclass(slots=True)
class _Session:
    ground: Ground
    scale: Scale
    wanted: Collection[str]
    tables: dict[str, Table] = field(default_factory=_tables)

    def visit(self, services: int, ways: Collection[Way]) -> None:
        """Everything that is measured on one estate."""
        label = f"{services:,} services"
        _say(f"{label}: generating, adopting")
        try:
            place = estate.adopted(self.ground, services)
        except NotMeasuredError as fault:
            self._failed(self.wanted, label, fault)
            return
        if "start" in self.wanted:
            self._start(place, label)
        for way in ways:
            self._visit_way(place, way, label)

    def _start(self, place: Estate, label: str) -> None:
        _say(f"{label}: start")
        try:
            self.tables["start"].rows.append(start_topic.measure(place, self.scale, label))
        except NotMeasuredError as fault:
            self._failed({"start"}, label, fault)

    def _visit_way(self, place: Estate, way: Way, label: str) -> None:
        measures = self._measures(way)
        where = f"{label}, {way}"
        try:
            _say(f"{where}: starting the daemon")
            with lab.opened(place, way) as opened:
                for topic, measure in [*measures.items()]:
                    _say(f"{where}: {topic}")
                    measure(opened, label)
                    del measures[topic]
        except NotMeasuredError as fault:
            self._failed(measures, where, fault)

    def _measures(self, way: Way) -> dict[str, Callable[[Lab, str], None]]:
        """Memory first: it is read before anything happened."""
        found: dict[str, Callable[[Lab, str], None]] = {}
        if "memory" in self.wanted and way is Way.PATH:
            found["memory"] = self._memory
        if "poll" in self.wanted and way is Way.FETCH:
            found["poll"] = self._poll
        if "push" in self.wanted:
            found["push"] = self._push
        return found

    def _push(self, opened: Lab, label: str) -> None:
        services = opened.estate.plot.services
        ours: list[Reaction] = []
        raw: list[Reaction] = []
        for number in range(self.scale.pushes(services) + 1):
            opened.estate.commit()
            pair = (opened.ours(), opened.raw())
            if number:  # the first push pays for imports and caches on both sides
                ours.append(pair[0])
                raw.append(pair[1])
        self.tables["push"].rows += _push_rows(opened, label, ours, raw, is_large=services > self.scale.small)

    def _poll(self, opened: Lab, label: str) -> None:
        pid, count = opened.daemon.pid, self.scale.polls
        url = opened.estate.config.as_uri()
        opened.look()
        own, reaped, floors = 0.0, children.reaped_ms(pid), []
        for _ in range(count):
            before = children.cpu_ns(pid)
            opened.look()
            own += (children.cpu_ns(pid) - before) / 1e6
            argv = ("git", "ls-remote", "--quiet", url, "refs/heads/main")
            floors.append(children.cpu_of(argv, env=self.ground.environment, cwd=self.ground.root))
        spent = children.reaped_ms(pid) - reaped
        budget = Budget(ratio=2.0)
        cost, floor = (own + spent) / count, sum(floors) / count
        self.tables["poll"].rows += [
            Row(what=f"{label}, mean of {count}", ours=cost, floor=floor, budget=budget),
            Row(what="  of which the daemon itself", ours=own / count),
        ]

    def _memory(self, opened: Lab, label: str) -> None:
        pid = opened.daemon.pid
        argv = (sys.executable, "-c", _ASYNCIO)
        log = self.ground.root / "asyncio.log"
        with children.running(argv, env=self.ground.environment, cwd=self.ground.root, log=log) as bare:
            children.wait_until_quiet(bare.pid, quiet=0.3)
            ours, floor = children.rss_mb(pid), children.rss_mb(bare.pid)
            began, before = time.monotonic(), (children.cpu_ns(pid), children.reaped_ms(pid))
            time.sleep(self.scale.idle)
            spent = (children.cpu_ns(pid) - before[0]) / 1e6 + children.reaped_ms(pid) - before[1]
            share = spent / (time.monotonic() - began) / 10
        self.tables["memory"].rows += [
            Row(what=f"{label}: RSS", ours=ours, floor=floor, unit="MB", budget=Budget(ratio=3.6)),
            Row(
                what=f"{label}: CPU over {self.scale.idle:g} s",
                ours=share,
                unit="%",
                budget=Budget(cost=0.05),
            ),
        ]

    def _failed(self, topics: Iterable[str], where: str, fault: NotMeasuredError) -> None:
        for topic in topics:
            self.tables[topic].rows.append(Row(what=where, verdict=f"FAILED: {fault}"))


def measure(ground: Ground, scale: Scale, wanted: Collection[str]) -> list[Table]:
    """The tables of these topics."""
    session = _Session(ground, scale, wanted)
    needs_path, needs_file = bool({"push", "memory"} & {*wanted}), bool({"push", "poll"} & {*wanted})
    ways = [way for way, needed in ((Way.PATH, needs_path), (Way.FETCH, needs_file)) if needed]
    for services in scale.sizes:
        session.visit(services, ways)
    return [session.tables[topic] for topic in NAMES if topic in wanted]


def _push_rows(
    opened: Lab, label: str, ours: list[Reaction], raw: list[Reaction], *, is_large: bool
) -> list[Row]:
    way = opened.way
    middle, most = _PUSH[way, is_large]
    mine, floor = [push.from_visible for push in ours], [push.from_visible for push in raw]
    rows = [
        Row(
            what=f"{label}, {way}: p50 of {len(ours)}",
            ours=median(mine),
            floor=median(floor),
            budget=Budget(ratio=middle),
        ),
        Row(
            what=f"{label}, {way}: p95",
            ours=quantile(mine, 0.95),
            floor=quantile(floor, 0.95),
            budget=Budget(ratio=most),
        ),
    ]
    if way is Way.PATH:
        pushed = (median(push.from_pushed for push in ours), median(push.from_pushed for push in raw))
        rows.append(
            Row(what="  p50 from the end of `git push`", ours=pushed[0], floor=pushed[1], is_comparable=False)
        )
    return rows


def _say(text: str) -> None:
    """Progress, for people who wait."""
    print(f"  … {text}", file=sys.stderr, flush=True)
