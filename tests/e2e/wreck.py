"""A wreck: a real daemon that is killed at a named place or at any instant, and the promises that must hold afterwards."""

import fcntl
import os
import signal
import sqlite3
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from paiwatch import failpoint
from paiwatch.control import client
from paiwatch.errors import DamagedError
from paiwatch.record.archive import Archive
from tests.e2e.audit import rows
from tests.e2e.platform import LIMIT, Platform

#: One on another, and two that wait for nothing. A plan for all of them waits for an approval.
SERVICES = {"db": (), "web": ("db",), "solo": (), "lone": ()}

# The lock is inherited by all children: whoever finds it taken overlaps with another operator of the same service.
_WORK = """\
exec 9>>{locks}/$PAIWATCH_SERVICE
flock -n 9 || echo "$EPOCHREALTIME overlap $PAIWATCH_SERVICE $PAIWATCH_OPERATOR $PAIWATCH_RUN_ID" >> {trace}
[ ! -e {slow}.$PAIWATCH_SERVICE ] || sleep 60
[ ! -e {fail}.$PAIWATCH_SERVICE ] || exit 7
head -c 70000 /dev/zero | tr '\\0' 'x'
"""


@dataclass(slots=True)
class Wreck:
    """A small platform whose daemon dies. `values` is what the configuration says now."""

    lab: Platform
    values: dict[str, int] = field(default_factory=lambda: dict.fromkeys(SERVICES, 0))
    motto: str = "steady"
    commit: str = ""

    @classmethod
    def build(cls, root: Path, *, more: str = "") -> "Wreck":
        """Laid out, nothing started. `more` is added to the settings."""
        retries = "retries: {attempts: 2, first: 50ms, max: 50ms}"
        lab = Platform(root, repo=f"file://{root}/config.git", source_options=", history: fast-forward-only")
        lab.operators = f"{{parallel: 4, timeout: 30s, grace: 2s, log_limit: 64KiB, {retries}}}"
        wreck = cls(lab)
        lab.build({})
        (root / "locks").mkdir()
        for name, needs in SERVICES.items():
            work = _WORK.format(
                locks=root / "locks", trace=lab.trace_file, slow=root / "slow", fail=root / "fail"
            )
            lab.add(name, needs, work=work)
        with (root / "config.yaml").open("a") as settings:
            settings.write(f"guard: {{max_services: 3}}\n{more}")
        wreck.write()
        return wreck

    # ── what happens ────────────────────────────────────────────────────────────────────────────────────────────────

    def write(self) -> None:
        """Push what the configuration says now."""
        self.lab.write_config(self.values, motto=self.motto)
        self.commit = self.lab.push(f"{self.values} {self.motto}")

    def raise_value(self, *services: str) -> None:
        """Push a commit that changes the releases of these services, and look at once."""
        for name in services:
            self.values[name] += 1
        self.write()
        self.ask(verb="nudge")

    def ask(self, **request: object) -> dict[str, Any]:
        """A request to the daemon, which may die of it."""
        with suppress(OSError, ValueError):
            return client.ask(self.lab.root / "state", request, timeout=LIMIT) or {}
        return {}

    def insist(self, verb: str, service: str) -> None:
        """Ask this of a daemon that may still be starting, until it has planned."""
        request = {"verb": verb, "service": service, "services": [service]}
        self.lab.wait_until(lambda: bool(self.ask(verb="progress").get("settled")), "the first plan is done")
        self.lab.wait_until(lambda: bool(self.ask(**request).get("ok")), f"{verb} {service}")

    def mark(self, what: str, *services: str) -> None:
        """From now on scripts of these services are `slow`, or `fail`."""
        for name in services:
            (self.lab.root / f"{what}.{name}").touch()

    def unmark(self) -> None:
        """All scripts are as they should be."""
        for file in (*self.lab.root.glob("slow.*"), *self.lab.root.glob("fail.*")):
            file.unlink()

    # ── death and life ──────────────────────────────────────────────────────────────────────────────────────────────

    def start(self, place: str = "", *, at_once: bool = False) -> None:
        """Start the daemon, to die at this place once `pull` was called, or from the beginning."""
        self.trigger.unlink(missing_ok=True)
        armed = {failpoint.VARIABLE: place, failpoint.TRIGGER: "" if at_once else str(self.trigger)}
        self.lab.environment = armed if place else {}
        self.lab.start()

    def pull(self) -> None:
        """From now on the armed place kills."""
        self.trigger.touch()

    @property
    def trigger(self) -> Path:
        """The file that makes the armed place kill."""
        return self.lab.root / "now"

    def die(self, place: str) -> None:
        """Wait until the daemon was killed by itself."""
        assert self.lab.process is not None
        try:
            code = self.lab.process.wait(LIMIT)
        except subprocess.TimeoutExpired as fault:
            raise AssertionError(f"{place} was not reached\n{self.lab.log()[-4000:]}") from fault
        assert code == -signal.SIGKILL, f"{place}: exit code {code}\n{self.lab.log()[-4000:]}"

    def settle(self, place: str) -> None:
        """After a death at this place: wait until the newest commit has nothing more to do."""
        self.unmark()
        self.lab.wait_until(self._is_settled, f"settled on {self.commit[:8]} after {place}")

    def recover(self, place: str) -> None:
        """Settle, then check every promise."""
        self.settle(place)
        broken = [*self.broken()]
        assert not broken, "\n".join([f"after {place}:", *broken, self.lab.log()[-3000:]])

    def _is_settled(self) -> bool:
        if (digest := self._held()) is not None:
            self.ask(verb="approve", digest=digest)
        progress = self.ask(verb="progress")
        snapshot = progress.get("snapshot") or {}
        return bool(progress.get("settled")) and snapshot.get("config") == self.commit

    def approve(self) -> None:
        """Approve the plan that waits, once one does."""
        self.lab.wait_until(lambda: self._held() is not None, "a plan waits")
        self.ask(verb="approve", digest=self._held())

    def _held(self) -> str | None:
        with suppress(sqlite3.Error):
            waiting = rows(self.state, "select digest from held_plans")
            return str(waiting[0]["digest"]) if waiting else None
        return None

    # ── the promises ────────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def state(self) -> Path:
        """The state folder."""
        return self.lab.root / "state"

    def broken(self) -> Iterator[str]:
        """Promises that do not hold, once everything has settled."""
        yield from (f"overlap: {line}" for line in self.lab.trace() if line.what == "overlap")
        yield from self._wrong_values()
        yield from self._wrong_record()
        yield from self._wrong_history()
        yield from self._leftovers()

    def _wrong_values(self) -> Iterator[str]:
        for name, value in self.values.items():
            if (found := self.lab.value(name)) != f"{value} {self.motto}":
                yield f"{name} runs with {found!r}, not with {value}"

    def _wrong_record(self) -> Iterator[str]:
        yield from (
            f"record: {row}" for row in rows(self.state, "pragma integrity_check") if "ok" not in row.values()
        )
        for table, lack in (("generations", "closed"), ("steps", "outcome"), ("runs", "outcome")):
            yield from (
                f"{table}: {row}" for row in rows(self.state, f"select * from {table} where {lack} is null")
            )

    def _wrong_history(self) -> Iterator[str]:
        """Every run that a script tells of is in the record once, with an outcome that fits what the script did."""
        outcomes = {f"{row['id']}-{row['marker']}": row["outcome"] for row in self.runs()}
        lines = Counter((line.run, line.what) for line in self.lab.trace())
        yield from (
            f"{what} {run}: {times} times"
            for (run, what), times in lines.items()
            if (times, what) != (1, what)
        )
        yield from (f"{run} is not in the record" for run, _ in lines if run not in outcomes)
        for run, outcome in outcomes.items():
            if outcome == "succeeded" and not (lines[run, "begin"] and lines[run, "end"]):
                yield f"{run} succeeded without having run"
            if outcome == "failed" and lines[run, "end"]:
                yield f"{run} failed although it ended well"

    def _leftovers(self) -> Iterator[str]:
        """Nothing of a dead daemon stays; what is named is whole."""
        yield from (f"stage left: {path}" for path in (self.state / "stages").glob("*"))
        yield from (
            f"half-made surroundings: {path}" for path in (self.state / "surroundings").glob("unfinished")
        )
        yield from (f"{name} still runs something" for name in SERVICES if self.is_busy(name))
        archive = Archive(self.state / "archive")
        for digest in (folder.name for folder in (self.state / "archive").glob("[!.]*")):
            with suppress(DamagedError):  # pruned just now
                archive.load(digest)
                continue
            if archive.has(digest):
                yield f"damaged release: {digest}"

    def runs(self) -> list[dict[str, Any]]:
        """The record's runs, oldest first."""
        return rows(self.state, "select * from runs order by id")

    def is_busy(self, service: str) -> bool:
        """Whether any process of a script of this service lives: it holds the service's lock."""
        lock = self.lab.root / "locks" / service
        return lock.exists() and _is_held(lock)


def _is_held(file: Path) -> bool:
    descriptor = os.open(file, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False
