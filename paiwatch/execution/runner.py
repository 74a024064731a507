"""Running steps on this machine: archive the release, build the stage, run the script, keep its output. It decides nothing.

Whatever fails on the way becomes the result of the run. The engine says when; intent and end are written by the event loop.
"""

import asyncio
import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from paiwatch import disk, private
from paiwatch.domain.run import Identity, RunResult
from paiwatch.engine.effects import Launch, Prepare, Scene
from paiwatch.engine.events import Recovered
from paiwatch.engine.state import Unfinished
from paiwatch.errors import (
    DamagedError,
    PaiwatchError,
    StalledError,
    StoreError,
    TransientError,
)
from paiwatch.execution.executor import Ended
from paiwatch.execution.masking import Masking
from paiwatch.execution.outage import Outage
from paiwatch.execution.staging import Staging
from paiwatch.failpoint import reach
from paiwatch.operators import environment, leftovers, script, stage
from paiwatch.operators.run import RunOrder
from paiwatch.operators.stage import Stage
from paiwatch.record import layout


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Seconds between TERM and KILL, and bytes kept of a run's output."""

    grace: float
    log_limit: int


class LocalAttempt:
    """One script under way. See executor.Attempt."""

    def __init__(self) -> None:
        self.handle: Identity | None = None
        self.is_known = asyncio.Event()
        self.task: asyncio.Task[Ended] | None = None
        self.script: asyncio.Task[RunResult] | None = None

    async def on_start(self, identity: Identity) -> None:
        """Its process is known."""
        self.handle = identity
        self.is_known.set()

    async def wait(self) -> Ended:
        """See executor.Attempt."""
        assert self.task is not None
        return await self.task

    def stop(self) -> None:
        """TERM, at the second call KILL."""
        if self.script is not None:
            self.script.cancel()


class LocalExecutor:
    """Holds the scenes of open generations, and the parts that it takes to run a step as a process of this machine."""

    def __init__(
        self, *, state: Path, staging: Staging, masking: Masking, limits: Limits, outage: Outage
    ) -> None:
        self._state = state
        self._limits = limits
        self._outage = outage
        self.staging = staging
        self.masking = masking
        self._scenes: dict[int, Scene] = {}
        self._attempts: set[LocalAttempt] = set()
        self._is_cut_short = False
        self._unkept: dict[int, PaiwatchError] = {}  # tickets whose release could not be archived, and why

    def open(self, generation: int, scene: Scene) -> None:
        """Remember what the steps of this generation will need."""
        self._scenes[generation] = scene

    def close(self, generation: int) -> None:
        """The generation is closed."""
        self._scenes.pop(generation, None)

    @property
    def is_idle(self) -> bool:
        """Whether no generation is open."""
        return not self._scenes

    async def prepare(self, order: Prepare) -> bool:
        """Archive what will run, however long the disk is full; it is durable on return.

        False where the release cannot be archived (its source cannot be read now, a name in it is too long): that becomes the result of the
        run, which touches nothing. Raises StoreError where nobody waits for the disk.
        """
        files = self._scenes[order.generation].files(order.step)
        try:
            if files is not None:
                await self._outage.outlast(lambda: self.staging.keep((files,)))
        except (TransientError, StalledError) as fault:
            self._unkept[order.ticket] = fault
            return False
        return True

    async def start(self, order: Launch) -> LocalAttempt:
        """Build the stage and start the script; returns when its process is known, or when there will be none."""
        attempt = LocalAttempt()
        attempt.task = asyncio.create_task(self._carry(order, attempt), name=f"run {order.run}")
        self._attempts.add(attempt)
        attempt.task.add_done_callback(lambda _: self._attempts.discard(attempt))
        known = asyncio.create_task(attempt.is_known.wait())
        try:
            await asyncio.wait({attempt.task, known}, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            attempt.task.cancel()
            raise
        finally:
            known.cancel()
        return attempt

    def cut_short(self) -> None:
        """End the scripts that run, and begin no other: TERM, at the second call KILL."""
        self._is_cut_short = True
        for attempt in self._attempts:
            attempt.stop()

    async def reattach(self, unfinished: Iterable[Unfinished]) -> tuple[Recovered, ...]:
        """End the scripts of these runs of an earlier life, and what they started; says what was found of each. Raises OSError."""
        runs, grace = tuple(unfinished), self._limits.grace
        trails = (leftovers.trail_of(run.marker, run.identity) for run in runs)
        ends = (leftovers.end(trail, patience=0, grace=grace, hurry=asyncio.Event()) for trail in trails)
        swept = await asyncio.gather(*ends)
        reach("past.swept")
        return tuple(
            Recovered(run=run.run, ended=each.ended, left=each.left)
            for run, each in zip(runs, swept, strict=True)
        )

    # ── inside ──────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _carry(self, order: Launch, attempt: LocalAttempt) -> Ended:
        """Run the script to its end; its output is durable on return. Raises StoreError where that cannot be, and nobody waits."""
        if (unkept := self._unkept.pop(order.ticket, None)) is not None:
            return self._not_prepared(unkept)
        scene = self._scenes[order.generation]
        log = layout.log_file(self._state, order.step.id.service, order.run)
        ended = await self._run(order, scene, log, attempt)
        with suppress(OSError):  # only death can come here
            reach("stage.removed")
        await self._outage.outlast(lambda: _keep_output(log))
        return ended

    async def _run(self, order: Launch, scene: Scene, log: Path, attempt: LocalAttempt) -> Ended:
        try:
            place = await self._outage.outlast(
                lambda: self.staging.build(order.run, log, order.step, scene),
                worth_it=lambda: order.generation == max(self._scenes) and not self._is_cut_short,
            )
        except OSError as fault:
            return Ended(result=script.not_started("the stage could not be built", fault))
        except DamagedError as fault:
            told = StoreError(f"{fault}; then run: paiwatch retry {order.step.id.service}")
            return Ended(result=script.not_started("the archived release cannot be used", told))
        except PaiwatchError as fault:
            return self._not_prepared(fault)
        try:
            result = await self._run_script(self._order(order, place, scene, log), attempt)
        finally:
            is_gone = await asyncio.to_thread(stage.remove, place)
        left = f"{place.top} could not be removed; delete by hand what its script left there"
        return Ended(result=result if is_gone else script.remark(result, left))

    def _not_prepared(self, fault: PaiwatchError) -> Ended:
        """A release that can never be archived is a fault of the service; what may pass is none, and counts no attempt."""
        if isinstance(fault, StalledError):
            return Ended(result=script.not_started("the release cannot be archived", fault))
        known = fault if isinstance(fault, StoreError) else StoreError(str(fault))
        return Ended(result=script.put_off(str(fault)), fault=None if self._outage.is_patient else known)

    async def _run_script(self, order: RunOrder, attempt: LocalAttempt) -> RunResult:
        """In a task of its own: cutting a run short must end its script and nothing before or after that."""
        if self._is_cut_short:
            return script.put_off("paiwatch was asked to end before the script began")
        running = script.run(order, on_start=attempt.on_start, scrub=self.masking.mask_output)
        attempt.script = asyncio.create_task(running)
        try:
            return await attempt.script
        finally:
            attempt.script = None

    def _order(self, order: Launch, place: Stage, scene: Scene, log: Path) -> RunOrder:
        step = order.step
        config, src = scene.target.snapshot.ids
        return RunOrder(
            run=order.run,
            service=step.id.service,
            operator=str(step.id.operator),
            stage=place.tree,
            script=f"{step.spec.folder}/deploy/{step.spec.script(step.id.operator)}",
            env=environment.build(
                os.environ,
                step.spec.env,
                marker=order.marker,
                service=step.id.service,
                operator=step.id.operator,
                generation=order.generation,
                config=config,
                src=src,
                reasons=place.reasons,
            ),
            log=log,
            log_limit=self._limits.log_limit,
            timeout=step.spec.timeout,
            grace=self._limits.grace,
        )


async def _keep_output(log: Path) -> None:
    """What a script said, secrets masked, is durable before its end is. Raises StoreError for what may pass."""
    try:
        await asyncio.to_thread(private.sync_file, log)
    except OSError as fault:
        # its script took it away, or said nothing
        is_gone = isinstance(fault, PermissionError | FileNotFoundError)
        if disk.may_pass(fault) and not is_gone:
            raise StoreError(f"{log}: cannot be written: {disk.explain(fault)}") from fault
