"""A repository with its submodules in place: whoever looks at its trees sees plain files only. Made of the parts that know how."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import structlog

from paiwatch.errors import ConfigError, StalledError, TransientError
from paiwatch.snapshot import Commit, Revision, Tree
from paiwatch.sources.holdings import Holdings
from paiwatch.sources.observation import SourceObservation
from paiwatch.sources.refused_commit import named
from paiwatch.sources.repository import Repository
from paiwatch.sources.strict import StrictRepository
from paiwatch.sources.submodule_mirrors import Mirrors
from paiwatch.sources.submodules import Parent, Submodules
from paiwatch.sources.whole_reader import WholeReader


class WholeRepository:
    """As the repository it is made of, for one thread. `parent` is that repository as its submodules see it."""

    def __init__(
        self, inner: Repository | StrictRepository, parent: Parent, mirrors: Mirrors, *, where: str
    ) -> None:
        self._inner = inner
        self._parent = parent
        self._mirrors = mirrors
        self._holdings = Holdings()
        self._submodules = Submodules(mirrors, self._holdings)
        self._own = self.reader()
        self._where = where
        self._bare: Tree | None = None  # the last tree as git has it
        self._whole: Tree | None = None  # and as it was given on
        self._is_tidy = False

    def look(self, *, folder: str, since: Tree | None = None, revision: str | None = None) -> Tree:
        """See Repository.look."""
        return self.observe(folder=folder, since=since, revision=revision).tree

    def observe(
        self, *, folder: str, since: Tree | None = None, revision: str | None = None
    ) -> SourceObservation:
        """As the repository's, with submodules.

        Raises TransientError while a submodule's commit cannot be had, StalledError if it never will.
        """
        before = self._bare_of(since)
        seen = self._inner.observe(folder=folder, since=before, revision=revision)
        bare = seen.tree
        if since is not None and bare is before:
            self._mirrors.rest()
            return replace(seen, tree=since)
        try:
            files = self._submodules.fill(self._parent, bare.files)
        except TransientError as fault:
            raise TransientError(f"{self._where}: commit {named(bare.revision)} {fault}") from fault
        except StalledError as fault:
            raise StalledError(
                f"{self._where}: commit {named(bare.revision)} cannot be taken: {fault}"
            ) from fault
        self._bare, self._whole = bare, replace(bare, files=files)
        if revision is None:
            self._tidy()
        return replace(seen, tree=self._whole)

    def read(self, oids: Iterable[str]) -> Mapping[str, bytes]:
        """See Repository.read."""
        wanted = tuple(dict.fromkeys(oids))
        found: dict[str, bytes] = {}
        for repository, held in self._holdings.of(wanted).items():
            found |= repository.read(held)
            repository.rest()
        return {**found, **self._inner.read(oid for oid in wanted if oid not in found)}

    def log(self, since: str, until: str, paths: Sequence[str] = ()) -> tuple[Commit, ...]:
        """See WholeReader.log."""
        return self._own.log(since, until, paths)

    def reader(self) -> WholeReader:
        """See Repository.reader."""
        return WholeReader(self._inner.reader(), self._holdings, self._mirrors)

    def accept_rewrite(self) -> Revision:
        """See StrictRepository.accept_rewrite."""
        if not isinstance(self._inner, StrictRepository):
            raise ConfigError(f"{self._where}: takes any history; there is nothing to accept")
        return self._inner.accept_rewrite()

    def abort(self) -> None:
        """See Repository.abort."""
        self._own.abort()
        self._inner.abort()
        self._mirrors.abort()

    def close(self) -> None:
        """See Repository.close."""
        self._own.close()
        self._mirrors.close()
        self._inner.close()

    def _bare_of(self, since: Tree | None) -> Tree | None:
        """The tree as git has it that `since` was made of, as long as it is remembered."""
        if since is None or self._bare is None or self._whole is None or since.files is not self._whole.files:
            return None
        return replace(self._bare, folder=since.folder) if since.folder != self._bare.folder else self._bare

    def _tidy(self) -> None:
        """Once: nobody comes back for what an earlier paiwatch fetched and the tree names no more."""
        if not self._is_tidy:
            self._is_tidy = True
            for gone in self._mirrors.keep_open_ones():
                structlog.get_logger().info("mirror.removed", name=gone, why="no submodule needs it any more")
