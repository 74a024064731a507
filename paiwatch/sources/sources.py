"""Sources: the config tree and the src tree as one snapshot, and the watchers and timers that nudge. Decides nothing."""

import asyncio
from collections.abc import Coroutine, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from paiwatch import logs
from paiwatch.errors import ConfigError
from paiwatch.snapshot import Commit, Revision, Snapshot, Tree
from paiwatch.sources import mirror, origin
from paiwatch.sources.acceptance_memory import Memories
from paiwatch.sources.nudge import Nudges
from paiwatch.sources.observation import Observation, SourceObservation
from paiwatch.sources.room import Origin, Room
from paiwatch.sources.vigil import Vigil

if TYPE_CHECKING:
    from paiwatch.settings.sections import Source

_LOG = logs.get_logger(__name__)


class Sources:
    """Both sources. Two that name one repository and branch (or one directory) share a room and give the same revision.

    Mirrors lie in `state`/sources, private and held exclusively. A command that may write no state gives a folder of its
    own as `state` and the real one as `lender`, whose mirrors it reads to save fetching. `recorded` are the revisions of
    the record's newest generation: the last good ones where `memories`, of repositories with rules, have none.
    """

    def __init__(
        self,
        config: "Source",
        src: "Source",
        state: Path,
        nudges: Nudges,
        *,
        memories: Memories,
        lender: Path | None = None,
        recorded: tuple[str, str] = ("", ""),
    ) -> None:
        is_one = _identity(config) == _identity(src)
        self._folders = (_folder(config), _folder(src))
        build = partial(_origin, state=state, lender=lender, memories=memories)
        self._config = Room(
            "config-and-src" if is_one else "config", partial(build, config, recorded=recorded[0])
        )
        self._src = self._config if is_one else Room("src", partial(build, src, recorded=recorded[1]))
        self._vigils = [Vigil(self._config.name, config, nudges)]
        if not is_one:
            self._vigils.append(Vigil("src", src, nudges))
        self._mirrors = (
            state / "sources",
            frozenset(name for source in (config, src) for name in origin.mirror_names(state, source)),
        )
        self._tasks: set[asyncio.Task[None]] = set()

    async def look(
        self, previous: Snapshot | None = None, *, config_rev: str | None = None, src_rev: str | None = None
    ) -> Observation:
        """The world now, or at these revisions; trees of `previous` that did not change are the very same objects.

        Raises TransientError or StalledError when a source cannot be read, ConfigError for a revision that is none.
        """
        since = (previous.config, previous.src) if previous else (None, None)
        if self._config is self._src and config_rev == src_rev:
            name = self._config.name
            config = await self._config.look(folder=self._folders[0], since=since[0], revision=config_rev)
            src = replace(config, tree=_beside(config.tree, self._folders[1], since[1]))
            return _joined((name, config), (name, src))
        answers = await asyncio.gather(
            self._config.look(folder=self._folders[0], since=since[0], revision=config_rev),
            self._src.look(folder=self._folders[1], since=since[1], revision=src_rev),
            return_exceptions=True,
        )
        config, src = (_unless_failed(answer) for answer in answers)
        return _joined((self._config.name, config), (self._src.name, src))

    def read_config(self, oids: Iterable[str]) -> Mapping[str, bytes]:
        """Contents of config files by id; blocks, for threads."""
        return self._config.read(oids)

    def read_src(self, oids: Iterable[str]) -> Mapping[str, bytes]:
        """Contents of src files by id; blocks, for threads."""
        return self._src.read(oids)

    def log_config(self, since: str, until: str, paths: Sequence[str] = ()) -> tuple[Commit, ...]:
        """Commits of config between two revisions that changed one of these paths (all: any), newest first; blocks."""
        return self._config.log(since, until, paths)

    def log_src(self, since: str, until: str, paths: Sequence[str] = ()) -> tuple[Commit, ...]:
        """The same for src."""
        return self._src.log(since, until, paths)

    async def accept_rewrite(self, name: str = "") -> tuple[str, Revision]:
        """Accept the rewritten history of config or src ("": of the one that waits); gives its name and tip.

        Raises ConfigError when none waits for that, or both do and none is named.
        """
        waiting = [room.name for room in self._rooms() if room.refused and room.refused.is_rewrite]
        if not name and len(waiting) > 1:
            raise ConfigError("config and src were both rewritten; say which one to accept")
        chosen = name or next(iter(waiting), "config")
        room = self._src if chosen == "src" else self._config
        return room.name, await room.accept_rewrite()

    def start(self) -> None:
        """Begin to watch and to poll, in tasks of the running loop that only nudge; mirrors that no setting names go.

        Only for the one process that may write the state folder.
        """
        for vigil in self._vigils:
            for work in (vigil.poll(), vigil.watch()):
                self._begin(work, f"vigil-{vigil.name}")
        self._begin(self._prune(), "pruning of mirrors")

    def _begin(self, work: Coroutine[None, None, None], name: str) -> None:
        task = asyncio.create_task(work, name=name)
        task.add_done_callback(_report)
        self._tasks.add(task)

    async def _prune(self) -> None:
        top, keep = self._mirrors
        for gone in await asyncio.to_thread(mirror.prune, top, keep=keep):
            _LOG.info(logs.MIRROR_REMOVED, mirror=gone, why="no setting names it any more")

    async def stop(self) -> None:
        """End watchers, git calls that still run, and threads."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = set()
        for room in self._rooms():
            await room.close()

    def _rooms(self) -> tuple[Room, ...]:
        return (self._config,) if self._config is self._src else (self._config, self._src)


def _report(task: asyncio.Task[None]) -> None:
    """A vigil that fails is a bug; without this line nobody would know why news come late."""
    if not task.cancelled() and (fault := task.exception()) is not None:
        _LOG.error(logs.WATCH_CRASHED, source=task.get_name(), exc_info=fault)


def _origin(
    source: "Source", *, state: Path, lender: Path | None, memories: Memories, recorded: str
) -> Origin:
    if source.directory:
        return origin.live(source, state)
    if source.follows_submodules:
        return origin.whole(source, state, lender, memories=memories, recorded=recorded)
    if source.rules.hold_something_up:
        return origin.strict(source, state, lender, memories=memories, recorded=recorded)
    return origin.repository(source, state, lender)


def _identity(source: "Source") -> tuple[str, ...]:
    return ("directory", str(source.directory)) if source.directory else ("repo", source.repo, source.branch)


def _folder(source: "Source") -> str:
    return str(PurePosixPath(source.folder))


def _beside(tree: Tree, folder: str, since: Tree | None) -> Tree:
    """The same files with another folder in view."""
    if since is not None and since.revision.id == tree.revision.id and since.folder == folder:
        return since
    return replace(tree, folder=folder)


def _joined(config: tuple[str, SourceObservation], src: tuple[str, SourceObservation]) -> Observation:
    """What both found, each with the name of its source; what two that are one both found counts once."""
    named = (config, src)
    return Observation(
        snapshot=Snapshot(config=config[1].tree, src=src[1].tree),
        left_out=tuple(dict.fromkeys(problem for _, seen in named for problem in seen.left_out)),
        refusals={name: seen.refusal for name, seen in named if seen.refusal is not None},
    )


def _unless_failed(answer: SourceObservation | BaseException) -> SourceObservation:
    if isinstance(answer, BaseException):
        raise answer
    return answer
