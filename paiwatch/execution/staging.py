"""What a script runs in: its release as the archive keeps it, the surroundings of its tree, and the stage built of both."""

import asyncio
import json
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from paiwatch import disk
from paiwatch.catalog import standins
from paiwatch.engine.effects import Scene
from paiwatch.errors import StalledError, StoreError, TransientError
from paiwatch.execution.masking import Masking
from paiwatch.failpoint import reach
from paiwatch.operators import output, stage, surroundings
from paiwatch.operators.stage import Stage
from paiwatch.plan.plan import Step
from paiwatch.record import layout
from paiwatch.record.archive import Archive, Files, static_ids
from paiwatch.releases.release import RenderedFiles
from paiwatch.snapshot import Contents

T = TypeVar("T")

_LANES = 4  # releases that are archived at once
_TOGETHER = 64  # releases whose files are read at once: few processes, and not all contents in memory


class Staging:
    """Archives releases and builds stages of them; `read` gives the contents of files in the tree."""

    def __init__(self, *, state: Path, masking: Masking, read: Contents, log_limit: int) -> None:
        self._state = state
        self._archive = Archive(layout.archive_folder(state))
        self._lanes = ThreadPoolExecutor(_LANES, thread_name_prefix="archive")
        self._keeping: dict[str, asyncio.Lock] = defaultdict(asyncio.Lock)  # by digest
        self._calm = asyncio.Event()  # nothing is being removed
        self._calm.set()
        self._masking = masking
        self._read = read
        self._log_limit = log_limit
        self._mirroring = asyncio.Lock()  # surroundings are prepared by one at a time
        self._around: tuple[str, Path] | None = None  # src revision, and where its surroundings lie

    def stop(self) -> None:
        """Give the threads back."""
        self._lanes.shutdown(wait=True, cancel_futures=True)

    # ── releases ────────────────────────────────────────────────────────────────────────────────────────────────────

    def is_archived(self, digest: str) -> bool:
        """Whether this release can be run again."""
        return self._archive.has(digest)

    async def keep(self, releases: Sequence[RenderedFiles]) -> None:
        """Archive releases, so that each can be stopped with its own scripts one day. Their files are read together."""
        await self._calm.wait()
        await self._keep([files for files in releases if not self._archive.has(files.release.digest)])

    async def prune(self, keep: Collection[str]) -> None:
        """Remove all other archived releases, and surroundings of former trees; no run may be near. Raises OSError."""
        around = {self._around[1].name} if self._around else set[str]()
        self._calm.clear()
        try:
            await self._apart(lambda: self._archive.prune(keep))
            reach("archive.pruned")
            await asyncio.to_thread(surroundings.prune, self._state, around)
        finally:
            self._calm.set()

    async def _keep(self, fresh: Sequence[RenderedFiles], *, anew: bool = False) -> None:
        for start in range(0, len(fresh), _TOGETHER):
            batch = fresh[start : start + _TOGETHER]
            wanted = frozenset().union(*(static_ids(files.release) for files in batch))
            blobs = await asyncio.to_thread(self._read, wanted)
            for files in batch:
                await self._keep_one(files, blobs, anew=anew)

    async def _keep_one(self, files: RenderedFiles, blobs: Mapping[str, bytes], *, anew: bool) -> None:
        service, digest = files.release.service, files.release.digest
        if pointer := _pointer(files, blobs):
            raise StalledError(str(standins.pointer_problem(service, f"{service}/deploy/{pointer}")))
        secrets = await self._masking.secrets_in(files.contents.values())
        async with self._keeping[digest]:
            await self._apart(lambda: self._archive.keep(files, blobs, secrets=secrets, anew=anew))
        self._keeping.pop(digest, None)

    async def _apart(self, work: Callable[[], T]) -> T:
        """Each flush to the disk takes its time: they are waited for side by side."""
        return await asyncio.get_running_loop().run_in_executor(self._lanes, work)

    # ── stages ──────────────────────────────────────────────────────────────────────────────────────────────────────

    async def build(self, run: int, log: Path, step: Step, scene: Scene) -> Stage:
        """The stage of a run.

        Raises StoreError and TransientError for what may pass, OSError for what will not (a name that is too long, say).
        """
        try:
            await self._calm.wait()
            return await self._build(run, log, step, scene)
        except OSError as fault:
            if not disk.may_pass(fault):
                raise
            raise StoreError(f"{self._state}/stages: cannot be written: {disk.explain(fault)}") from fault

    async def _build(self, run: int, log: Path, step: Step, scene: Scene) -> Stage:
        around = await self._surroundings(scene)
        files = await self._files(step, scene)
        output.reserve(log, self._log_limit)
        if scene.files(step) is None:  # what the configuration once said may be secret still
            await self._masking.hide(await self._apart(lambda: self._archive.secrets(step.digest)))
        reasons = [{"kind": reason.kind, "detail": reason.detail} for reason in step.reasons]
        return await asyncio.to_thread(
            stage.build,
            self._state,
            run,
            step.spec.folder,
            files,
            surroundings=around,
            reasons=json.dumps(reasons, indent=2).encode(),
        )

    async def _files(self, step: Step, scene: Scene) -> Files:
        """The release from the archive; one that cannot be read there is archived anew while its sources are there."""
        fresh = scene.files(step)
        try:
            return await self._apart(lambda: self._archive.load(step.digest))
        except StoreError:  # damaged, or a bad sector
            if fresh is None:
                raise
        await self._keep((fresh,), anew=True)
        return await self._apart(lambda: self._archive.load(step.digest))

    async def _surroundings(self, scene: Scene) -> Path:
        tree = scene.target.snapshot.src
        if self._around is not None and self._around[0] == tree.revision.id:
            return self._around[1]
        deploys = [service.deploy for service in scene.target.services.values()]
        deploys += [f"{tree.prefix}{name}/deploy" for name in scene.target.invalid]
        async with self._mirroring:
            try:
                around = await asyncio.to_thread(
                    lambda: surroundings.prepare(self._state, surroundings.listing(tree, deploys), self._read)
                )
            except StalledError as fault:
                # It lies in nobody's release: another commit mends it, and no attempt counts.
                raise TransientError(str(fault)) from fault
        self._around = (tree.revision.id, around)
        return around


def _pointer(files: RenderedFiles, blobs: Mapping[str, bytes]) -> str:
    """The first file that only stands for one in Git LFS, "" when there is none. The survey knows of those that .gitattributes
    names; others show when they are read.
    """
    contents = (
        (path, files.contents.get(path, blobs.get(file.oid, b"")))
        for path, file in files.release.files.items()
    )
    return next((path for path, content in contents if standins.is_pointer(content)), "")
