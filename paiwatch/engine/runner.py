"""One step from intent to outcome: archive the release, write the intent, build the stage, run the script, write the end.

It carries out what the decider says and decides nothing; whatever fails on the way becomes the result of the run.
"""

import asyncio
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from paiwatch import disk, private
from paiwatch.clock import Clock
from paiwatch.convergence import backoff, holding
from paiwatch.convergence.events import Begin, Outcome
from paiwatch.engine.masking import Masking
from paiwatch.engine.staging import Scene, Staging
from paiwatch.engine.writer import Writer
from paiwatch.errors import DamagedError, PaiwatchError, StalledError, StoreError, TransientError
from paiwatch.failpoint import reach
from paiwatch.news import Listener, StepBegan, StepEnded
from paiwatch.operators import environment, script, stage
from paiwatch.operators.run import Identity, RunOrder, RunResult
from paiwatch.operators.stage import Stage
from paiwatch.plan.applied import Hold
from paiwatch.plan.plan import Kind, Step
from paiwatch.plan.target import Target
from paiwatch.record.rows import Begun
from paiwatch.record.store import Record
from paiwatch.releases.release import Release
from paiwatch.settings.sections import Retention


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Seconds between TERM and KILL, and bytes kept of a run's output."""

    grace: float
    log_limit: int


class Runner:
    """Holds the scenes of open generations, and the parts that it takes to run a step."""

    def __init__(
        self,
        *,
        state: Path,
        record: Record,
        writer: Writer,
        staging: Staging,
        masking: Masking,
        limits: Limits,
        clock: Clock,
        tell: Listener,
    ) -> None:
        self._state = state
        self._record = record
        self._writer = writer
        self._limits = limits
        self.staging = staging
        self.masking = masking
        self._clock = clock
        self._tell = tell
        self._scenes: dict[int, Scene] = {}
        self._scripts: set[asyncio.Task[RunResult]] = set()
        self._is_cut_short = False
        self._unkept: dict[int, PaiwatchError] = {}  # runs whose release could not be archived, and why
        self._unstaged: dict[int, StoreError] = {}  # runs whose stage the disk did not take, and why

    def prepare(self, generation: int, target: Target, releases: Mapping[str, Release]) -> None:
        """Remember what the steps of this generation will need."""
        self._scenes[generation] = Scene(target=target, releases=releases)

    def forget(self, generation: int) -> None:
        """The generation is closed."""
        self._scenes.pop(generation, None)

    async def begin(self, intent: Begin) -> Begun:
        """Archive what will run and write the intent down; both are durable on return, however long the disk is full.

        A release that cannot be archived (its source cannot be read now, a name in it is too long) is no reason to end: that
        becomes the result of the run, which touches nothing.
        """
        scene, step = self._scenes[intent.generation], intent.step
        release, unkept = scene.release(step), None
        try:
            if release is not None and not release.instead_of:
                kept = (release,)
                await self._writer.outage.outlast(lambda: self.staging.keep(kept))
        except (TransientError, StalledError) as fault:
            unkept = fault
        at = self._clock.wall()
        begun = await self._writer.insist(
            lambda: self._record.begin(
                step,
                intent.generation,
                intent.attempt,
                at=at,
                touches=unkept is None,
            )
        )
        if unkept is not None:
            self._unkept[begun.run] = unkept
        self._tell(StepBegan(run=begun.run, generation=intent.generation, attempt=intent.attempt, step=step))
        return begun

    async def carry(self, begun: Begun, intent: Begin) -> RunResult:
        """Run the script to its end and write the end down.

        Raises StoreError where the end cannot be written, and where nobody waits for what the stage lacks (room on the disk, a file of the tree).
        """
        scene, step = self._scenes[intent.generation], intent.step
        result = await self._run(begun, intent, scene)
        with suppress(OSError):  # only death can come here
            reach("stage.removed")
        at = self._clock.wall()
        rest = self._rest(step, intent.attempt, result.outcome)

        def end() -> None:
            _keep_output(begun.log)
            self._record.finish(
                begun.run,
                result,
                at=at,
                release=scene.release(step),
                retry_at=at + (rest or 0.0),
                hold=self._hold(begun, step, result, at),
            )

        await self._writer.insist(end)
        ended = StepEnded(
            run=begun.run,
            generation=intent.generation,
            attempt=intent.attempt,
            step=step,
            result=result,
            retry_in=rest,
        )
        self._tell(ended)
        fault = self._unstaged.pop(begun.run, None)
        if fault is not None and not self._writer.outage.is_patient:
            raise fault
        return result

    def cut_short(self) -> None:
        """End the scripts that run, and begin no other: TERM, at the second call KILL. Their ends are still written down."""
        self._is_cut_short = True
        for running in self._scripts:
            running.cancel()

    async def prune(self, keep: Retention) -> None:
        """Forget what retention no longer keeps: rows, output files, archived releases, surroundings. Raises StoreError."""
        pruned = await self._writer.do(
            lambda: self._record.prune(runs=keep.runs, generations=keep.generations, releases=keep.releases)
        )
        is_idle = not self._scenes
        try:
            for log in pruned.logs:
                await asyncio.to_thread(log.unlink, missing_ok=True)
            if is_idle:
                await self.staging.prune(pruned.keep)
        except OSError as fault:
            raise StoreError(
                f"{fault.filename or self._state}: cannot be removed: {disk.explain(fault)}"
            ) from fault

    # ── inside ──────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _run(self, begun: Begun, intent: Begin, scene: Scene) -> RunResult:
        try:
            if (unkept := self._unkept.pop(begun.run, None)) is not None:
                raise unkept
            place = await self._writer.outage.outlast(
                lambda: self.staging.build(begun, intent.step, scene),
                worth_it=lambda: intent.generation == max(self._scenes) and not self._is_cut_short,
            )
        except OSError as fault:
            return script.not_started("the stage could not be built", fault)
        except StalledError as fault:
            return script.not_started("the release cannot be archived", fault)
        except DamagedError as fault:
            remedy = f"then run: paiwatch retry {intent.step.id.service}"
            return script.not_started("the archived release cannot be used", StoreError(f"{fault}; {remedy}"))
        except (TransientError, StoreError) as fault:  # no fault of the service: it counts no attempt
            self._unstaged[begun.run] = fault if isinstance(fault, StoreError) else StoreError(str(fault))
            return script.put_off(str(fault))
        try:
            result = await self._run_script(begun, self._order(begun, intent, place, scene))
        finally:
            is_gone = await asyncio.to_thread(stage.remove, place)
        return (
            result
            if is_gone
            else script.remark(
                result, f"{place.top} could not be removed; delete by hand what its script left there"
            )
        )

    async def _run_script(self, begun: Begun, order: RunOrder) -> RunResult:
        """In a task of its own: cutting a run short must end its script and nothing before or after that."""
        if self._is_cut_short:
            return script.put_off("paiwatch was asked to end before the script began")

        async def on_start(identity: Identity) -> None:
            with suppress(
                StoreError
            ):  # the script runs: its end will tell, and its marker finds it after a crash
                await self._writer.do(lambda: self._record.started(begun.run, identity))

        running = asyncio.create_task(script.run(order, on_start=on_start, scrub=self.masking.mask_output))
        self._scripts.add(running)
        try:
            return await running
        finally:
            self._scripts.discard(running)

    def _order(self, begun: Begun, intent: Begin, place: Stage, scene: Scene) -> RunOrder:
        step = intent.step
        config, src = scene.target.snapshot.ids
        return RunOrder(
            run=begun.run,
            service=step.id.service,
            operator=str(step.id.operator),
            stage=place.tree,
            script=f"{step.spec.folder}/deploy/{step.script}",
            env=environment.build(
                os.environ,
                step.spec.env,
                marker=begun.marker,
                service=step.id.service,
                operator=step.id.operator,
                generation=intent.generation,
                config=config,
                src=src,
                reasons=place.reasons,
            ),
            log=begun.log,
            log_limit=self._limits.log_limit,
            timeout=step.spec.timeout,
            grace=self._limits.grace,
        )

    @staticmethod
    def _hold(begun: Begun, step: Step, result: RunResult, at: float) -> Hold | None:
        """What cutting it off means for its service, if that happened to a script that had begun."""
        if result.outcome is not Outcome.INTERRUPTED or not result.begun:
            return None
        return holding.after_interruption(step.id, begun.run, step.spec.interrupted, at=at)

    def _rest(self, step: Step, attempt: int, outcome: Outcome) -> float | None:
        """Seconds until the machine tries it again; None when it will not."""
        if outcome in {Outcome.SUCCEEDED, Outcome.INTERRUPTED} or attempt >= step.spec.retries.attempts:
            return None
        if step.kind is Kind.ASKED:
            return None
        return backoff.delay(step.id.service, step.digest, attempt, step.spec.retries)


def _keep_output(log: Path) -> None:
    """What a script said, secrets masked, is durable before its end is. Raises StoreError for what may pass."""
    try:
        private.sync_file(log)
    except OSError as fault:
        is_gone = isinstance(
            fault, PermissionError | FileNotFoundError
        )  # its script took it away, or said nothing
        if disk.may_pass(fault) and not is_gone:
            raise StoreError(f"{log}: cannot be written: {disk.explain(fault)}") from fault
