"""What a script runs in: its release as the archive keeps it, the surroundings of its tree, and the stage built of both."""

import asyncio
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from paiwatch import disk
from paiwatch.catalog import standins
from paiwatch.engine.masking import Masking
from paiwatch.engine.writer import Writer
from paiwatch.errors import StalledError, StoreError, TransientError
from paiwatch.failpoint import reach
from paiwatch.operators import output, stage, surroundings
from paiwatch.operators.stage import Stage
from paiwatch.plan.plan import Step
from paiwatch.plan.target import Target
from paiwatch.record import layout
from paiwatch.record.archive import Archive, Files, static_ids
from paiwatch.record.rows import Begun
from paiwatch.releases.release import Release
from paiwatch.snapshot import Contents

_TOGETHER = 64  # releases whose files are read at once: few processes, and not all contents in memory


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What the steps of one generation need: the snapshot they see, and their releases with rendered bytes."""

    target: Target
    releases: Mapping[str, Release] = field(repr=False)

    def release(self, step: Step) -> Release | None:
        """The snapshot's release that the step runs; None when it runs an archived one."""
        release = self.releases.get(step.id.service)
        return release if release is not None and release.digest == step.digest else None


class Staging:
    """Archives releases and builds stages of them; `read` gives the contents of files in the tree."""

    def __init__(
        self, *, state: Path, writer: Writer, masking: Masking, read: Contents, log_limit: int
    ) -> None:
        self._state = state
        self._archive = Archive(layout.archive_folder(state))
        self._writer = writer
        self._masking = masking
        self._read = read
        self._log_limit = log_limit
        self._mirroring = asyncio.Lock()  # surroundings are prepared by one at a time
        self._around: tuple[str, Path] | None = None  # src revision, and where its surroundings lie

    # ── releases ────────────────────────────────────────────────────────────────────────────────────────────────────

    def is_archived(self, digest: str) -> bool:
        """Whether this release can be run again."""
        return self._archive.has(digest)

    async def keep(self, releases: Sequence[Release]) -> None:
        """Archive releases, so that each can be stopped with its own scripts one day. Their files are read together."""
        known = {release.digest for release in releases if self._archive.has(release.digest)}
        await self._keep([release for release in releases if release.digest not in known])

    async def prune(self, keep: Collection[str]) -> None:
        """Remove all other archived releases, and surroundings of former trees; no run may be near. Raises OSError."""
        around = {self._around[1].name} if self._around else set[str]()
        await self._writer.do(lambda: self._archive.prune(keep))
        reach("archive.pruned")
        await asyncio.to_thread(surroundings.prune, self._state, around)

    async def _keep(self, fresh: Sequence[Release], *, anew: bool = False) -> None:
        for start in range(0, len(fresh), _TOGETHER):
            batch = fresh[start : start + _TOGETHER]
            wanted = frozenset().union(*map(static_ids, batch))
            blobs = await asyncio.to_thread(self._read, wanted)
            for release in batch:
                await self._keep_one(release, blobs, anew=anew)

    async def _keep_one(self, release: Release, blobs: Mapping[str, bytes], *, anew: bool) -> None:
        if pointer := _pointer(release, blobs):
            raise StalledError(
                str(standins.pointer_problem(release.service, f"{release.service}/deploy/{pointer}"))
            )
        secrets = await self._masking.secrets_in(release.rendered.values())
        await self._writer.do(lambda: self._archive.keep(release, blobs, secrets=secrets, anew=anew))

    # ── stages ──────────────────────────────────────────────────────────────────────────────────────────────────────

    async def build(self, begun: Begun, step: Step, scene: Scene) -> Stage:
        """The stage of a run.

        Raises StoreError and TransientError for what may pass, OSError for what will not (a name that is too long, say).
        """
        try:
            return await self._build(begun, step, scene)
        except OSError as fault:
            if not disk.may_pass(fault):
                raise
            raise StoreError(f"{self._state}/stages: cannot be written: {disk.explain(fault)}") from fault

    async def _build(self, begun: Begun, step: Step, scene: Scene) -> Stage:
        around = await self._surroundings(scene)
        files = await self._files(step, scene)
        output.reserve(begun.log, self._log_limit)
        release = scene.release(step)
        if release is None or release.instead_of:  # what the configuration once said may be secret still
            await self._masking.hide(await self._writer.do(lambda: self._archive.secrets(step.digest)))
        reasons = [{"kind": reason.kind, "detail": reason.detail} for reason in step.reasons]
        return await asyncio.to_thread(
            stage.build,
            self._state,
            begun.run,
            step.spec.folder,
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


def _pointer(release: Release, blobs: Mapping[str, bytes]) -> str:
    """The first file that only stands for one in Git LFS, "" when there is none. The survey knows of those that .gitattributes
    names; others show when they are read.
    """
    contents = (
        (path, release.rendered.get(path, blobs.get(file.oid, b""))) for path, file in release.files.items()
    )
    return next((path for path, content in contents if standins.is_pointer(content)), "")
