"""Provenance: the commit that brought a change, and the line of the configuration that holds a key. Only to explain.

A file's commit is the newest since what was applied that made the file what it is now. A key's is the newest that made the
key what it is now, in the file that holds it. What a parser computes lies in no file: its commit is the only one that touched
configuration, else the newest after which the key was what it is now, found by working out cluster_cfg at each of them.
Where none of this is certain nothing is told.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from paiwatch.documents import yamltext
from paiwatch.documents.document import Document
from paiwatch.errors import TransientError
from paiwatch.model.cluster_cfg import SERVICES, SUFFIX
from paiwatch.model.reads import How, KeyPath, Sight, find, fingerprint, is_container
from paiwatch.snapshot import Commit, Contents, Revision, Tree

#: Commits of config at which cluster_cfg is worked out again; each may cost a run of the parsers.
_MOST_REPLAYED = 20

#: Gives cluster_cfg at a revision of config with the present src; None when that has errors or is gone.
Replay = Callable[[str], Sight | None]

_WHOLE = frozenset({How.VALUE, How.MISSING, How.PRESENT})


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One source as it is now: its tree, its contents, and its commits (since, until, paths: newest first)."""

    tree: Tree
    read: Contents
    log: Callable[[str, str, Sequence[str]], tuple[Commit, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """A file that may hold a key, and where in it."""

    side: Side
    file: str
    path: KeyPath


class Provenance:
    """Remembers commits and documents while one plan is explained. `sight` is the cluster_cfg that templates see."""

    def __init__(self, config: Side, src: Side, sight: Sight | None, replay: Replay) -> None:
        self._config = config
        self._src = src
        self._sight = sight
        self._replay = cache(replay)
        self._logs: dict[tuple[str, str], tuple[Commit, ...]] = {}
        self._documents: dict[str, Document | None] = {}

    def commit_of_file(self, path: str, since: str, *, added: bool = False) -> Revision | None:
        """The newest src commit after `since` that made this file what it is now (`added`: that brought it)."""
        now = _oid(self._src.tree, path)
        for commit in self._log(self._src, since):
            if path in commit.changes:
                before, after = commit.changes[path]
                if not before if added else after == now:
                    return commit.revision
        return None

    def commit_of_key(self, path: KeyPath, how: str, since: tuple[str, str]) -> Revision | None:
        """The commit that made this key what it is now; `since` are the config and src revisions it is compared with."""
        for holder in self._holders(path):
            commits = self._log(holder.side, since[0] if holder.side is self._config else since[1])
            if found := self._made(holder, how, commits):
                return found
        return self._only_one(since) or self._replayed(path, how, since[0])

    def origin(self, path: KeyPath) -> str:
        """`file:line` that holds this key now; empty when no file does, as for what a parser computes."""
        there, value = find(self._sight.cluster_cfg, path) if self._sight else (False, None)
        if not there:
            return ""
        for holder in self._holders(path):
            document = self._document(holder.side, _oid(holder.side.tree, holder.file), holder.file)
            if document is None or holder.path not in document.marks:
                continue
            own = find(document.value, holder.path)[1]
            if is_container(own) or fingerprint(own) == fingerprint(value):
                return f"{holder.file}:{document.marks[holder.path].line}"
        return ""

    def _holders(self, path: KeyPath) -> Iterator[Holder]:
        """Files of the configuration before defaults, as the model lays them over each other."""
        if not path or not isinstance(path[0], str):
            return
        section, rest = path[0], path[1:]
        config, src = self._config, self._src
        if rest:
            yield Holder(side=config, file=f"{config.tree.prefix}{section}{SUFFIX}", path=rest)
        yield Holder(side=config, file=f"{config.tree.prefix}{SERVICES}", path=path)
        if rest:
            yield Holder(side=src, file=f"{src.tree.prefix}{section}/config/{section}{SUFFIX}", path=rest)

    def _made(self, holder: Holder, how: str, commits: Sequence[Commit]) -> Revision | None:
        now = self._seen(holder, _oid(holder.side.tree, holder.file), how)
        for commit in commits:
            if holder.file in commit.changes:
                before, after = (self._seen(holder, oid, how) for oid in commit.changes[holder.file])
                if before != after and after == now:
                    return commit.revision
        return None

    def _only_one(self, since: tuple[str, str]) -> Revision | None:
        """The commit that touched configuration or defaults, if there is just one."""
        touched = {commit.revision.id: commit.revision for commit in self._of_config(since[0])}
        touched |= {
            commit.revision.id: commit.revision
            for commit in self._log(self._src, since[1])
            if any("/config/" in path for path in commit.changes)
        }
        return next(iter(touched.values())) if len(touched) == 1 else None

    def _replayed(self, path: KeyPath, how: str, since: str) -> Revision | None:
        """The newest commit of config with which the key is what it is now, and without which it was not."""
        commits = self._of_config(since)
        if not commits or len(commits) > _MOST_REPLAYED or self._sight is None:
            return None
        now = self._sight.see(path, how)
        older = [commit.revision.id for commit in commits[1:]] + [since]
        for commit, before in zip(commits, older, strict=True):
            here, there = self._replay(commit.revision.id), self._replay(before)
            if here is None or there is None:
                return None
            if here.see(path, how) == now != there.see(path, how):
                return commit.revision
        return None

    def _of_config(self, since: str) -> tuple[Commit, ...]:
        """Commits that touched a file of the configuration."""
        prefix = self._config.tree.prefix
        return tuple(
            commit
            for commit in self._log(self._config, since)
            if any(path.startswith(prefix) and path.endswith(SUFFIX) for path in commit.changes)
        )

    def _seen(self, holder: Holder, oid: str, how: str) -> str:
        """What a reading of this key meets in this version of the file."""
        document = self._document(holder.side, oid, holder.file)
        value: Any = document.value if document else None
        return Sight(value if isinstance(value, dict) else {}).see(
            holder.path, How.SUBTREE if how in _WHOLE else how
        )

    def _document(self, side: Side, oid: str, file: str) -> Document | None:
        if oid and oid not in self._documents:
            try:
                content = side.read([oid])[oid]
            except TransientError:
                self._documents[oid] = None  # a commit whose files are gone tells nothing
            else:
                self._documents[oid] = yamltext.parse(content, file=file, dialect=yamltext.Dialect.OPENPAI)
        return self._documents[oid] if oid else None

    def _log(self, side: Side, since: str) -> tuple[Commit, ...]:
        until = side.tree.revision.id
        if not since or since == until:
            return ()
        asked = (since, until)
        if asked not in self._logs:
            self._logs[asked] = side.log(since, until, ())
        return self._logs[asked]


def _oid(tree: Tree, path: str) -> str:
    entry = tree.files.get(path)
    return entry.oid if entry else ""
