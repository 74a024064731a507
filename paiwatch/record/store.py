"""Record: durable memory and its one writer. Every method has written when it returns, or raises StoreError.

SQLAlchemy is loaded when a record is opened, not before. Call it from one thread at a time.
"""

import secrets
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Self

from paiwatch.convergence import holding
from paiwatch.convergence.events import Outcome
from paiwatch.operators.run import Identity, RunResult
from paiwatch.plan.applied import DOWN, Applied, Hold, Memory, Pin
from paiwatch.plan.plan import Plan, Step
from paiwatch.record import encoding, failing, layout, memory
from paiwatch.record.failures import Failures
from paiwatch.record.memory import Underway
from paiwatch.record.rows import Begun, Pruned, Unfinished
from paiwatch.releases.release import Desired, Release
from paiwatch.snapshot import Revision

if TYPE_CHECKING:
    from paiwatch.record.ledger import Ledger


class Record:
    """The writer. It keeps applied, holds and failures in memory too: nobody else changes them.

    Rooms of their own: `known` (reads the file), `failures` (in a row), `generations` (accepted plans), `absent` (services gone from
    the tree that stay as they are), `approvals` (the plan that waits, and what may go ahead), `rollbacks` (what one is chosen
    from), `lingering` (processes that nobody could end).
    """

    def __init__(self, state: Path, ledger: "Ledger") -> None:
        self._state = state
        self._ledger = ledger
        self.known = ledger.known
        self.absent = ledger.absent
        self.approvals = ledger.approvals
        self.rollbacks = ledger.rollbacks
        self.lingering = ledger.lingering
        self._applied = ledger.known.applied()
        self._holds = ledger.known.holds()
        self.failures = Failures(ledger)
        self.generations = ledger.generations
        self._underway: dict[int, Underway] = {}
        self._revisions: dict[int, tuple[str, str]] = {}  # of open generations

    @classmethod
    def open(cls, state: Path) -> Self:
        """The record of this state folder, made or migrated as needed. Hold its StateLock. Raises StoreError."""
        from paiwatch.record.ledger import Ledger  # noqa: PLC0415 (SQLAlchemy takes 120 ms: only who opens pays)

        ledger = Ledger(layout.record_file(state))
        try:
            return cls(state, ledger)
        except BaseException:
            ledger.close()
            raise

    def close(self) -> None:
        """Close the file."""
        self._ledger.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # ── memory ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def memory(self) -> Memory:
        """What is applied now, by service; does not change afterwards."""
        return dict(self._applied)

    def holds(self) -> Mapping[str, Hold]:
        """Persons' holds (suspended, stopped, deleted), by service; before those, what lingers. Quarantine is in `failures`."""
        return self._holds | self._ledger.lingering.holds()

    # ── generations ─────────────────────────────────────────────────────────────────────────────────────────────────

    def latest_generation(self) -> tuple[int, tuple[str, str]]:
        """The newest generation's number and its config and src revision ids; 0 and empty ones before the first."""
        newest = self._ledger.known.latest_generation()
        return newest, self._ledger.known.revisions(newest)

    def accept(
        self, plan: Plan, config: Revision, src: Revision, *, at: float, holds: Iterable[Hold] = ()
    ) -> int:
        """Write the plan down as a generation with its steps and reasons (also an empty one), and `holds` with it; gives its number."""
        held = {hold.service: hold for hold in holds}
        generation = self._ledger.generations.insert(plan, config, src, at, held.values())
        self._revisions[generation] = (config.id, src.id)
        self._holds |= held
        return generation

    def close_generation(self, generation: int, *, succeeded: bool, at: float) -> None:
        """Every step of the generation has its outcome."""
        self._ledger.generations.close(generation, succeeded=succeeded, at=at)
        self._revisions.pop(generation, None)

    # ── runs ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def begin(
        self,
        step: Step,
        generation: int,
        attempt: int,
        *,
        at: float,
        touches: bool = True,
    ) -> Begun:
        """Intent before act: write the run and touch the service; what a person brings up is not held any more.

        A run that is known to start nothing does not touch the service: its release may not even be archived.
        """
        service = step.id.service
        before = self._applied.get(service)
        touched = memory.touch(before, step) if touches else before
        lifted = touches and holding.lifts(step, self._holds.get(service))
        random = secrets.token_hex(8)
        log = layout.log_file(self._state, service, 0)  # refuses a bad name before anything is written
        left = memory.leaves(before, step) if touches else None
        run = self._ledger.begin_run(
            step, generation, attempt, marker=random, touched=touched, left=left, lifted=lifted, at=at
        )
        self._remember(service, touched)
        if lifted:
            del self._holds[service]
        versions = memory.versions_of(self._applied, step.prerequisites)
        self._underway[run] = Underway(
            step=step, generation=generation, before=before, versions=versions, began=at
        )
        return Begun(run=run, marker=encoding.marker(run, random), log=log.with_name(f"{run}.log"))

    def started(self, run: int, identity: Identity) -> None:
        """The run's process is known: after a crash it can be found."""
        self._ledger.set_identity(run, identity)

    def finish(
        self,
        run: int,
        result: RunResult,
        *,
        at: float,
        release: Release | None = None,
        retry_at: float = 0.0,
        hold: Hold | None = None,
    ) -> None:
        """Write the end of a run and what follows from it, as one.

        `release` is the one that ran (None: the archived one, its files and reads are remembered). `retry_at` is when a failure
        may be tried again (epoch seconds). `hold` is set with it, unless a person holds the service already. A hold that asked for
        this very run is done when it succeeded.
        """
        underway, hold = self._underway[run], self._unless_held(hold)
        step, at = underway.step, max(at, underway.began)  # a clock may have been set back
        succeeded = result.outcome is Outcome.SUCCEEDED
        if succeeded:
            hold = holding.fulfilled(step, self._holds.get(step.id.service)) or hold
        after = self._settled(run, underway, release, at) if succeeded else self._applied.get(step.id.service)
        cleared = failing.cleared(self.failures.all(), step) if succeeded and step.last else frozenset[str]()
        known = self.failures.known(step.id.service, step.digest)
        failure = None if succeeded else failing.failed(known, step, result, retry_at=retry_at, at=at)
        self._ledger.end_run(
            run,
            result,
            step,
            underway.generation,
            memory=after,
            cleared=cleared,
            failure=failure,
            hold=hold,
            at=at,
        )
        del self._underway[run]
        self._remember(step.id.service, after)
        if after is None and (kept := self._holds.get(step.id.service)) is not None and kept.by in DOWN:
            del self._holds[kept.service]  # what a person took down is gone now, for good
        self.failures.drop_inputs([(step.id.service, digest) for digest in cleared])
        if failure is not None:
            self.failures.note(failure)
        if hold is not None:
            self._holds[hold.service] = hold
        if result.lingering:
            self._ledger.lingering.reload()

    def unfinished(self) -> tuple[Unfinished, ...]:
        """At start-up: runs that began and have no end, oldest first."""
        return tuple(
            encoding.unfinished_from_row(row, layout.log_file(self._state, row["service"], row["id"]))
            for row in self._ledger.known.unfinished()
        )

    def interrupt(
        self, run: int, *, at: float, because: str, hold: Hold | None = None, lingering: Collection[int] = ()
    ) -> None:
        """The end of an unfinished run. Its service stays touched, so it counts as changed. `hold` as with `finish`."""
        hold = self._unless_held(hold)
        self._ledger.interrupt_run(run, at=at, because=because, hold=hold, lingering=lingering)
        if lingering:
            self._ledger.lingering.reload()
        self._underway.pop(run, None)
        if hold is not None:
            self._holds[hold.service] = hold

    def cut_off(self) -> tuple[Path, ...]:
        """Output of newest runs that were cut off: nobody may have masked it yet, for that comes before the next run."""
        return tuple(
            layout.log_file(self._state, service, run) for service, run in self._ledger.known.cut_off()
        )

    # ── people ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def hold(self, hold: Hold) -> None:
        """Hold a service; replaces the hold it has."""
        self._ledger.put_hold(hold)
        self._holds[hold.service] = hold

    def lift(self, service: str) -> None:
        """End a person's hold."""
        self._ledger.drop_hold(service)
        self._holds.pop(service, None)

    def roll_back(
        self, service: str, failed: str, pins: Mapping[str, Pin], *, because: str, at: float
    ) -> None:
        """Write pins down, and `failed` as quarantined: the release that the service goes back from."""
        known = self.failures.known(service, failed)
        because = (known.because if known else "") or because
        failure = failing.quarantined(known, service, failed, at=at, because=because)
        self._ledger.rollbacks.pin(pins, failure)
        self.failures.note(failure)
        self._applied |= {name: replace(self._applied[name], pin=pin) for name, pin in pins.items()}

    def unpin(self, services: Iterable[str]) -> None:
        """End rollbacks: these services run again what the tree asks for."""
        ended = [name for name in services if name in self._applied and self._applied[name].pin is not None]
        if ended:
            self._ledger.rollbacks.unpin(ended)
            self._applied |= {name: replace(self._applied[name], pin=None) for name in ended}

    def adopt(self, desired: Desired, services: Iterable[str], *, at: float) -> None:
        """Declare the present releases of these services applied, without running anything."""
        version = self._ledger.known.latest_run() + 1
        fresh = memory.adopt(self._applied, desired, services, version=version, at=at)
        self._ledger.put_adopted(
            fresh.values(), memory.left_for(fresh, self._applied), self._ledger.known.latest_generation()
        )
        self._applied |= fresh
        self.failures.drop(fresh.keys())

    def forget(self, services: Collection[str]) -> None:
        """These are gone from the tree, and a person says that nothing of them is left to do."""
        self._ledger.forget(services)
        for service in services:
            self._applied.pop(service, None)
            self._holds.pop(service, None)
        self.failures.drop(services)

    # ── retention ───────────────────────────────────────────────────────────────────────────────────────────────────

    def prune(self, *, runs: int, generations: int, releases: int = 3) -> Pruned:
        """Forget runs and former releases beyond so many for each service, and old generations; says which files may go."""
        gone, formers = self._ledger.prune(
            keep_runs=runs, keep_generations=generations, keep_releases=releases
        )
        needed = memory.digests(self._applied.values())
        needed |= {underway.step.digest for underway in self._underway.values()}
        logs = tuple(layout.log_file(self._state, service, run) for service, run in gone)
        return Pruned(logs=logs, keep=formers | needed)

    # ── inside ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def _unless_held(self, hold: Hold | None) -> Hold | None:
        """What a person said outlives what a crash says."""
        return hold if hold is not None and hold.service not in self._holds else None

    def _settled(self, run: int, underway: Underway, release: Release | None, at: float) -> Applied | None:
        now = self._applied[underway.step.id.service]
        revisions = self._revisions.get(underway.generation) or self._ledger.known.revisions(
            underway.generation
        )
        after = memory.settle(now, underway, release, run=run, revisions=revisions, at=at)
        return after and replace(after, pin=now.pin)  # it may have been rolled back while this ran

    def _remember(self, service: str, after: Applied | None) -> None:
        if after is None:
            self._applied.pop(service, None)
        else:
            self._applied[service] = after
