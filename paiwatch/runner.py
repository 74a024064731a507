"""One step from intent to outcome: archive the release, write the intent, build the stage, run the script, write the end.

It carries out what the decider says and decides nothing; whatever fails on the way becomes the result of the run.
"""

import asyncio
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from paiwatch import disk
from paiwatch.clock import Clock
from paiwatch.convergence import backoff, holding
from paiwatch.convergence.events import Begin, Outcome
from paiwatch.errors import DamagedError, PaiwatchError, StalledError, StoreError, TransientError
from paiwatch.failpoint import reach
from paiwatch.news import Listener, StepBegan, StepEnded
from paiwatch.operators import environment, output, script, stage, surroundings
from paiwatch.operators.run import Identity, RunOrder, RunResult
from paiwatch.operators.stage import Stage
from paiwatch.plan.applied import Hold
from paiwatch.plan.plan import Kind, Plan, Reason, Step
from paiwatch.record import layout
from paiwatch.record.archive import Archive, Files, static_ids
from paiwatch.record.rows import Begun
from paiwatch.record.store import Record
from paiwatch.releases.release import Desired, Release
from paiwatch.scrub import Scrubber
from paiwatch.settings import Retention
from paiwatch.snapshot import Contents
from paiwatch.writer import Writer

_TOGETHER = 256  # releases whose files are read at once: few processes, and not all contents in memory


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Seconds between TERM and KILL, and bytes kept of a run's output."""

    grace: float
    log_limit: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What the steps of one generation need: the snapshot they see, and their releases with rendered bytes."""

    desired: Desired
    releases: Mapping[str, Release] = field(repr=False)

    def release(self, step: Step) -> Release | None:
        """The snapshot's release that the step runs; None when it runs an archived one."""
        release = self.releases.get(step.id.service)
        return release if release is not None and release.digest == step.digest else None


class Runner:
    """Holds the scenes of open generations, and the parts that it takes to run a step."""

    def __init__(
        self,
        *,
        state: Path,
        record: Record,
        writer: Writer,
        limits: Limits,
        scrubber: Scrubber,
        read: Contents,
        clock: Clock,
        tell: Listener,
    ) -> None:
        self._state = state
        self._record = record
        self._archive = Archive(layout.archive_folder(state))
        self._writer = writer
        self._limits = limits
        self._scrubber = scrubber
        self._read = read
        self._clock = clock
        self._tell = tell
        self._scenes: dict[int, Scene] = {}
        self._mirroring = asyncio.Lock()  # surroundings are prepared by one at a time
        self._unmasked: tuple[Path, ...] = ()
        self._around: tuple[str, Path] | None = None  # src revision, and where its surroundings lie
        self._scripts: set[asyncio.Task[RunResult]] = set()
        self._is_cut_short = False
        self._unkept: dict[int, PaiwatchError] = {}  # runs whose release could not be archived, and why
        self._unstaged: dict[int, StoreError] = {}  # runs whose stage the disk did not take, and why

    def prepare(self, generation: int, desired: Desired, releases: Mapping[str, Release]) -> None:
        """Remember what the steps of this generation will need."""
        self._scenes[generation] = Scene(desired=desired, releases=releases)

    def forget(self, generation: int) -> None:
        """The generation is closed."""
        self._scenes.pop(generation, None)

    def mask_later(self, logs: Iterable[Path]) -> None:
        """Output of runs whose paiwatch died: to be cut and masked once the secrets are known."""
        self._unmasked = tuple(logs)

    async def hide(self, secrets: Iterable[str]) -> None:
        """Keep these values out of every text from now on."""
        await asyncio.to_thread(self._scrubber.register, secrets)
        waiting, self._unmasked = self._unmasked, ()
        for log in waiting:
            with suppress(OSError):  # never written, or the disk is full: it stays private to us all the same
                await asyncio.to_thread(output.finish, log, self._limits.log_limit, self._scrub_output)

    def without_secrets(self, plan: Plan) -> Plan:
        """The plan with reasons that everybody may read: masking by key cannot see a secret inside another key's value."""
        scrub = self._scrubber.scrub

        def hidden(reason: Reason) -> Reason:
            return replace(
                reason, detail=scrub(reason.detail), before=scrub(reason.before), after=scrub(reason.after)
            )

        steps = tuple(replace(step, reasons=tuple(map(hidden, step.reasons))) for step in plan.steps)
        return replace(plan, steps=steps)

    def is_archived(self, digest: str) -> bool:
        """Whether this release can be run again."""
        return self._archive.has(digest)

    async def keep(self, releases: Sequence[Release]) -> None:
        """Archive releases, so that each can be stopped with its own scripts one day. Their files are read together."""
        known = {release.digest for release in releases if self._archive.has(release.digest)}
        await self._keep([release for release in releases if release.digest not in known])

    async def _keep(self, fresh: Sequence[Release], *, anew: bool = False) -> None:
        for start in range(0, len(fresh), _TOGETHER):
            batch = fresh[start : start + _TOGETHER]
            wanted = frozenset().union(*map(static_ids, batch))
            blobs = await asyncio.to_thread(self._read, wanted)
            for release in batch:
                await self._keep_one(release, blobs, anew=anew)

    async def _keep_one(self, release: Release, blobs: Mapping[str, bytes], *, anew: bool) -> None:
        texts = [content.decode(errors="surrogateescape") for content in release.rendered.values()]
        secrets = await asyncio.to_thread(self._scrubber.values_in, texts)
        await self._writer.do(lambda: self._archive.keep(release, blobs, secrets=secrets, anew=anew))

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
                await self._writer.outage.outlast(lambda: self.keep(kept))
        except (TransientError, StalledError) as fault:
            unkept = fault
        scripts = scene.desired.services[step.id.service].scripts if release is not None else None
        at = self._clock.wall()
        begun = await self._writer.insist(
            lambda: self._record.begin(
                step, intent.generation, intent.attempt, at=at, scripts=scripts, touches=unkept is None
            )
        )
        if unkept is not None:
            self._unkept[begun.run] = unkept
        self._tell(StepBegan(run=begun.run, generation=intent.generation, attempt=intent.attempt, step=step))
        return begun

    async def carry(self, begun: Begun, intent: Begin) -> Outcome:
        """Run the script to its end and write the end down.

        Raises StoreError where the end cannot be written, and where nobody waits for a disk that has no room for the stage.
        """
        scene, step = self._scenes[intent.generation], intent.step
        result = await self._run(begun, intent, scene)
        with suppress(OSError):  # only death can come here
            reach("stage.removed")
        at = self._clock.wall()
        rest = self._rest(step, intent.attempt, result.outcome)
        await self._writer.insist(
            lambda: self._record.finish(
                begun.run,
                result,
                at=at,
                release=scene.release(step),
                retry_at=at + (rest or 0.0),
                hold=self._hold(begun, step, result, at),
            )
        )
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
        return result.outcome

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
        around = None if self._scenes else {self._around[1].name} if self._around else set[str]()
        try:
            for log in pruned.logs:
                await asyncio.to_thread(log.unlink, missing_ok=True)
            if around is not None:
                await self._writer.do(lambda: self._archive.prune(pruned.keep))
                reach("archive.pruned")
                await asyncio.to_thread(surroundings.prune, self._state, around)
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
                lambda: self._set_stage(begun, intent.step, scene),
                worth_it=lambda: intent.generation == max(self._scenes) and not self._is_cut_short,
            )
        except OSError as fault:
            return script.not_started("the stage could not be built", fault)
        except StalledError as fault:
            return script.not_started("the release cannot be archived", fault)
        except DamagedError as fault:
            remedy = f"then run: paiwatch retry {intent.step.id.service}"
            return script.not_started("the archived release cannot be used", StoreError(f"{fault}; {remedy}"))
        except TransientError as fault:  # no fault of the service: it counts no attempt
            return script.put_off(str(fault))
        except StoreError as fault:  # nor is this
            self._unstaged[begun.run] = fault
            return script.put_off(str(fault))
        try:
            return await self._run_script(begun, self._order(begun, intent, place, scene))
        finally:
            await asyncio.to_thread(stage.remove, place)

    async def _run_script(self, begun: Begun, order: RunOrder) -> RunResult:
        """In a task of its own: cutting a run short must end its script and nothing before or after that."""
        if self._is_cut_short:
            return script.put_off("paiwatch was asked to end before the script began")

        async def on_start(identity: Identity) -> None:
            with suppress(
                StoreError
            ):  # the script runs: its end will tell, and its marker finds it after a crash
                await self._writer.do(lambda: self._record.started(begun.run, identity))

        running = asyncio.create_task(script.run(order, on_start=on_start, scrub=self._scrub_output))
        self._scripts.add(running)
        try:
            return await running
        finally:
            self._scripts.discard(running)

    async def _set_stage(self, begun: Begun, step: Step, scene: Scene) -> Stage:
        """Raises StoreError for what may pass, OSError for what will not (a name that is too long, say)."""
        try:
            return await self._stage(begun, step, scene)
        except OSError as fault:
            if not disk.may_pass(fault):
                raise
            raise StoreError(f"{self._state}/stages: cannot be written: {disk.explain(fault)}") from fault

    async def _stage(self, begun: Begun, step: Step, scene: Scene) -> Stage:
        around = await self._surroundings(scene)
        files = await self._files(step, scene)
        output.reserve(begun.log, self._limits.log_limit)
        release = scene.release(step)
        if release is None or release.instead_of:  # what the configuration once said may be secret still
            await self.hide(await self._writer.do(lambda: self._archive.secrets(step.digest)))
        reasons = [{"kind": reason.kind, "detail": reason.detail} for reason in step.reasons]
        return await asyncio.to_thread(
            stage.build,
            self._state,
            begun.run,
            step.folder,
            files,
            surroundings=around,
            reasons=json.dumps(reasons, indent=2).encode(),
        )

    async def _files(self, step: Step, scene: Scene) -> Files:
        """The release from the archive; one that cannot be read there is archived anew while its sources are there."""
        release = scene.release(step)
        try:
            return await self._writer.do(lambda: self._archive.load(step.digest))
        except StoreError:  # damaged, or a bad sector
            if release is None or release.instead_of:
                raise
        await self._keep((release,), anew=True)
        return await self._writer.do(lambda: self._archive.load(step.digest))

    async def _surroundings(self, scene: Scene) -> Path:
        tree = scene.desired.snapshot.src
        if self._around is not None and self._around[0] == tree.revision.id:
            return self._around[1]
        deploys = [service.deploy for service in scene.desired.services.values()]
        deploys += [f"{tree.prefix}{name}/deploy" for name in scene.desired.invalid]
        async with self._mirroring:
            around = await asyncio.to_thread(
                lambda: surroundings.prepare(self._state, surroundings.listing(tree, deploys), self._read)
            )
        self._around = (tree.revision.id, around)
        return around

    def _order(self, begun: Begun, intent: Begin, place: Stage, scene: Scene) -> RunOrder:
        step = intent.step
        config, src = scene.desired.snapshot.ids
        return RunOrder(
            run=begun.run,
            service=step.id.service,
            operator=str(step.id.operator),
            stage=place.tree,
            script=f"{step.folder}/deploy/{step.script}",
            env=environment.build(
                os.environ,
                step.env,
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
            timeout=step.timeout,
            grace=self._limits.grace,
        )

    def _scrub_output(self, piece: bytes) -> bytes:
        text = piece.decode("utf-8", "surrogateescape")
        return self._scrubber.scrub(text).encode("utf-8", "surrogateescape")

    @staticmethod
    def _hold(begun: Begun, step: Step, result: RunResult, at: float) -> Hold | None:
        """What cutting it off means for its service, if that happened to a script that had begun."""
        if result.outcome is not Outcome.INTERRUPTED or not result.begun:
            return None
        return holding.after_interruption(step.id, begun.run, step.interrupted, at=at)

    def _rest(self, step: Step, attempt: int, outcome: Outcome) -> float | None:
        """Seconds until the machine tries it again; None when it will not."""
        if outcome in {Outcome.SUCCEEDED, Outcome.INTERRUPTED} or attempt >= step.retries.attempts:
            return None
        if step.kind is Kind.ASKED:
            return None
        return backoff.delay(step.id.service, step.digest, attempt, step.retries)
