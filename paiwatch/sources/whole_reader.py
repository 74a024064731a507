"""A reader of a repository with its submodules in place: each content from whose repository has it, each commit with what it moved."""

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress

from paiwatch.errors import StalledError, TransientError
from paiwatch.snapshot import Commit, Entry, Revision
from paiwatch.sources import listed
from paiwatch.sources.holdings import Holding, Holdings
from paiwatch.sources.reader import Reader
from paiwatch.sources.repository import Repository
from paiwatch.sources.submodule_mirrors import Mirrors


class WholeReader:
    """As Reader; `inner` reads the repository itself. The gits that read submodules end with each question: there may be hundreds."""

    def __init__(self, inner: Reader, holdings: Holdings, mirrors: Mirrors) -> None:
        self._inner = inner
        self._holdings = holdings
        self._mirrors = mirrors
        self._guard = threading.Lock()
        self._asked: Reader | None = None
        self._is_over = False

    def read(self, oids: Iterable[str]) -> Mapping[str, bytes]:
        """See Reader.read."""
        wanted = tuple(dict.fromkeys(oids))
        found: dict[str, bytes] = {}
        for repository, held in self._holdings.of(wanted).items():
            with self._of(repository) as reader:
                found |= reader.read(held)
        return {**found, **self._inner.read(oid for oid in wanted if oid not in found)}

    def log(self, since: str, until: str, paths: Sequence[str] = ()) -> tuple[Commit, ...]:
        """See Reader.log; a commit that moved a submodule changed the files that differ in it."""
        asked = tuple(dict.fromkeys(map(self._holdings.link_above, paths)))
        return tuple(map(self._expanded, self._inner.log(since, until, asked)))

    def rest(self) -> None:
        """See Reader.rest."""
        self._inner.rest()

    def abort(self) -> None:
        """See Reader.abort."""
        self._inner.abort()
        with self._guard:
            self._is_over = True
            if self._asked is not None:
                self._asked.abort()

    def close(self) -> None:
        """See Reader.close."""
        self._inner.close()

    @contextmanager
    def _of(self, repository: Repository) -> Iterator[Reader]:
        """A reader of this submodule for one question."""
        reader = repository.reader()
        with self._guard:
            self._asked = reader
            if self._is_over:
                reader.abort()
        try:
            yield reader
        finally:
            with self._guard:
                self._asked = None
            reader.close()

    # -- what a commit changed in submodules

    def _expanded(self, commit: Commit) -> Commit:
        """The same with the files that each new commit of a submodule changed, as far as its mirror knows."""
        changes: dict[str, tuple[str, str]] = {}
        waiting = dict(commit.changes)
        while waiting:
            path, both = waiting.popitem()
            inner = self._changes(path, *both)
            if inner is None:
                changes[path] = both
            else:
                waiting |= inner
        return Commit(revision=commit.revision, changes=changes)

    def _changes(self, path: str, before: str, after: str) -> dict[str, tuple[str, str]] | None:
        """What moving a submodule from one commit to another changed, by whole path; None where that is not known."""
        old, new = self._files_at(path, before), self._files_at(path, after)
        if old is None or new is None:
            return None
        return {
            f"{path}/{name}": (old[name].oid if name in old else "", new[name].oid if name in new else "")
            for name in sorted(old.keys() | new.keys())
            if old.get(name) != new.get(name)
        }

    def _files_at(self, path: str, commit: str) -> Mapping[str, Entry] | None:
        """The files of this commit, if some repository that was at this path has it; they may be read afterwards."""
        for holder in self._mirrors.at(path) if commit else ():
            with suppress(TransientError, StalledError), self._of(holder) as reader:
                files = listed.files(reader.git, Revision(id=commit), since=None, where=path)
                self._holdings.remember(
                    Holding(repository=holder, oids=frozenset(entry.oid for entry in files.values()))
                )
                return files
        return None if commit else {}
