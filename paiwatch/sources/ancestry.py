"""Ancestry: what the commits of a mirror have to do with each other, asked of git. Decides nothing."""

from collections.abc import Callable

from paiwatch.errors import TransientError
from paiwatch.snapshot import Revision
from paiwatch.sources.calls import Answer, Calls
from paiwatch.sources.mirror import DamagedMirrorError


class Ancestry:
    """Questions about one mirror; `revision` reads a commit of it. Used by one thread."""

    def __init__(self, calls: Calls, revision: Callable[[str], Revision]) -> None:
        self._calls = calls
        self._gone: set[str] = set()
        self.revision = revision

    def has(self, commit: str) -> bool:
        """Whether the commit is there; once, the other side is asked for one that is not: a new mirror has its branch only."""
        if self._exists(commit):
            return True
        if commit in self._gone:
            return False
        self._gone.add(commit)
        options = ("--quiet", "--no-tags", "--no-recurse-submodules", "--no-write-fetch-head")
        self._calls.run("fetch", *options, "--end-of-options", "origin", commit)
        return self._exists(commit)

    def is_ancestor(self, old: str, new: str) -> bool:
        """Whether `new` contains `old`; False when `old` is not there."""
        answer = self._answer("merge-base", "--is-ancestor", old, new)
        if answer.status == 128 and self._exists(old):
            raise DamagedMirrorError(f"the history of {new} cannot be read: {answer.err.strip()}")
        return answer.status == 0

    def between(self, old: str, new: str) -> tuple[str, ...]:
        """Commits of `new` but not of `old`, merged ones too, oldest first."""
        answer = self._answer("rev-list", "--reverse", "--topo-order", "--end-of-options", f"{old}..{new}")
        if answer.status:
            raise DamagedMirrorError(f"the history of {new} since {old} cannot be read: {answer.err.strip()}")
        return tuple(answer.out.decode().split())

    def _exists(self, commit: str) -> bool:
        return self._answer("cat-file", "-e", f"{commit}^{{commit}}").status == 0

    def _answer(self, verb: str, *arguments: str) -> Answer:
        answer = self._calls.run(verb, *arguments)
        if answer.is_late or answer.status < 0:
            raise TransientError(f"git {verb} was ended; raise `timeout` if that comes again")
        return answer
