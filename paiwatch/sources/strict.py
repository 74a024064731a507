"""A repository that gives nothing but what its rules accept: the newest commit, or the last good one.

Revisions that a person names are given as they are: looking at them deploys nothing.
"""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from paiwatch.errors import StalledError
from paiwatch.problem import Problem, Severity
from paiwatch.snapshot import Revision, Tree
from paiwatch.sources.acceptance import Acceptance
from paiwatch.sources.acceptance_memory import AcceptanceMemory
from paiwatch.sources.ancestry import Ancestry
from paiwatch.sources.observation import SourceObservation
from paiwatch.sources.reader import Reader
from paiwatch.sources.refused_commit import named
from paiwatch.sources.repository import Repository
from paiwatch.sources.rules import Rules
from paiwatch.sources.signatures import Signatures


class StrictRepository:
    """As Repository, for one thread. What was accepted last is known from `memory` or the record; `home` is for keyrings."""

    def __init__(
        self,
        repository: Repository,
        rules: Rules,
        *,
        home: Path,
        where: str,
        memory: AcceptanceMemory,
        recorded: str = "",
    ) -> None:
        self._repository = repository
        self._rules = rules
        self._where = where
        self._signatures = signatures = Signatures(repository.git, rules, home=home)
        ancestry = Ancestry(repository.git, repository.revision)
        self._acceptance = Acceptance(
            rules, ancestry, signatures.first_flaw, memory=memory, recorded=recorded, where=where
        )

    @property
    def repository(self) -> Repository:
        """What it is made of."""
        return self._repository

    def observe(
        self, *, folder: str, since: Tree | None = None, revision: str | None = None
    ) -> SourceObservation:
        """The newest accepted tree and why that is not the newest of all, if so; or the tree at `revision` and what speaks against it.

        Raises RefusedError while none is accepted.
        """
        if revision is not None:
            return self._judged(self._repository.look(folder=folder, since=since, revision=revision))
        commit = self._newest()
        if since is not None and since.revision.id == commit and since.folder == folder:
            tree = since
        else:
            tree = self._repository.tree(self._repository.revision(commit), folder=folder, since=since)
        return SourceObservation(tree=tree, refusal=self._acceptance.refusal)

    def read(self, oids: Iterable[str]) -> Mapping[str, bytes]:
        """See Repository.read."""
        return self._repository.read(oids)

    def reader(self) -> Reader:
        """See Repository.reader."""
        return self._repository.reader()

    def accept_rewrite(self) -> Revision:
        """Accept the refused tip that rewrites history; gives it. Raises ConfigError when there is none."""
        if self._acceptance.refusal is None:
            with suppress(StalledError):
                self._newest()
        return self._acceptance.accept_rewrite()

    def abort(self) -> None:
        """See Repository.abort."""
        self._repository.abort()

    def close(self) -> None:
        """See Repository.close."""
        self._repository.close()

    def _judged(self, tree: Tree) -> SourceObservation:
        """The tree that a person named; a problem goes with it when the daemon would not take its commit."""
        flaw = self._signatures.first_flaw((tree.revision.id,)) if self._rules.verifies else None
        if flaw is None:
            return SourceObservation(tree=tree)
        problem = Problem(
            file=self._where,
            severity=Severity.WARNING,
            message=f"unverified: {named(tree.revision)} {flaw.why}",
            remedy="look at it, but do not expect the daemon to take it",
        )
        return SourceObservation(tree=tree, left_out=(problem,))

    def _newest(self) -> str:
        tip = self._repository.newest()
        return self._repository.mended(lambda: self._acceptance.admit(tip))
