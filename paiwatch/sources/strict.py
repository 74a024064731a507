"""A repository that gives nothing but what its rules accept: the newest commit, or the last good one.

Revisions that a person names are given as they are: looking at them deploys nothing.
"""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from paiwatch.errors import StalledError
from paiwatch.problem import Problem, Severity
from paiwatch.snapshot import Commit, Revision, Tree
from paiwatch.sources.acceptance import Acceptance
from paiwatch.sources.ancestry import Ancestry
from paiwatch.sources.repository import Repository
from paiwatch.sources.rules import Refusal, Rules, named
from paiwatch.sources.signatures import Signatures


class StrictRepository:
    """As Repository, for one thread. What was accepted last is kept in `home`, or known from `lender` or the record."""

    def __init__(
        self,
        repository: Repository,
        rules: Rules,
        *,
        home: Path,
        where: str,
        lender: Path | None = None,
        recorded: str = "",
    ) -> None:
        self._repository = repository
        self._rules = rules
        self._where = where
        self._signatures = signatures = Signatures(repository.git, rules, home=home)
        self._named: tuple[Problem, ...] = ()
        ancestry = Ancestry(repository.git, repository.revision)
        self._acceptance = Acceptance(rules, ancestry, signatures.first_flaw, home=home, where=where)
        self._acceptance.recall(lender=lender, recorded=recorded)

    @property
    def repository(self) -> Repository:
        """What it is made of."""
        return self._repository

    @property
    def refusal(self) -> Refusal | None:
        """Why the newest commit is not the one that is given, if it is not."""
        return self._acceptance.refusal

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Revisions that a person named and nobody signed."""
        return self._named

    def look(self, *, folder: str, since: Tree | None = None, revision: str | None = None) -> Tree:
        """The newest accepted tree, or the one at `revision`. Raises StalledError while none is accepted."""
        if revision is not None:
            return self._judged(self._repository.look(folder=folder, since=since, revision=revision))
        commit = self._newest()
        if since is not None and since.revision.id == commit and since.folder == folder:
            return since
        return self._repository.tree(self._repository.revision(commit), folder=folder, since=since)

    def read(self, oids: Iterable[str]) -> Mapping[str, bytes]:
        """See Repository.read."""
        return self._repository.read(oids)

    def log(self, since: str, until: str, paths: Sequence[str] = ()) -> tuple[Commit, ...]:
        """See Repository.log."""
        return self._repository.log(since, until, paths)

    def accept_rewrite(self) -> Revision:
        """Accept the refused tip that rewrites history; gives it. Raises ConfigError when there is none."""
        if self.refusal is None:
            with suppress(StalledError):
                self._newest()
        return self._acceptance.accept_rewrite()

    def abort(self) -> None:
        """See Repository.abort."""
        self._repository.abort()

    def close(self) -> None:
        """See Repository.close."""
        self._repository.close()

    def _judged(self, tree: Tree) -> Tree:
        """The tree that a person named; a problem goes with it when the daemon would not take its commit."""
        if self._rules.verifies and (flaw := self._signatures.first_flaw((tree.revision.id,))) is not None:
            remedy = "look at it, but do not expect the daemon to take it"
            problem = Problem(
                file=self._where,
                severity=Severity.WARNING,
                message=f"unverified: {named(tree.revision)} {flaw.why}",
                remedy=remedy,
            )
            self._named = tuple(dict.fromkeys((*self._named, problem)))
        return tree

    def _newest(self) -> str:
        tip = self._repository.newest()
        return self._repository.mended(lambda: self._acceptance.admit(tip))
