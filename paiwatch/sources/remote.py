"""The other side: asked and fetched from. Its refusals become our exceptions, which say where, what and what to do."""

from collections.abc import Mapping
from pathlib import Path

from paiwatch.errors import TransientError
from paiwatch.sources import access as admission
from paiwatch.sources import listing, refusal
from paiwatch.sources.access import Access
from paiwatch.sources.calls import Answer, Calls
from paiwatch.sources.mirror import DamagedMirrorError, Mirror

_MEMORY = 2 << 20  # KiB that each process of a fetch may take

#: Starts git as "$0" with limits for all that it starts: in bytes of memory, and of any one file that it writes.
_LIMITED = 'trap "" XFSZ; ulimit -S -d {memory}; ulimit -S -f {blocks}; exec "$0" "$@"'
_SMALLER = "make the repository smaller, or raise `max_fetch`"
_BLOCK = 512  # bytes, as ulimit counts them

_OPTIONS = ("--quiet", "--no-tags", "--no-recurse-submodules", "--force", "--update-shallow")


class NoBranchError(TransientError):
    """The other side says that it has no ref of the name that was asked for."""


class NotGivenError(TransientError):
    """The other side does not give a commit by its id: it has none, or gives only what its branches and tags name."""


class Remote:
    """The repository at `access`, as git knows it in `mirror`. `where` names it to people, without secrets."""

    def __init__(self, calls: Calls, mirror: Mirror, access: Access, *, where: str) -> None:
        self._calls = calls
        self._mirror = mirror
        self._access = access
        self._where = where

    def refs(self, *patterns: str) -> Mapping[str, str]:
        """Ids of the refs that these mean, by full name. Raises TransientError when it cannot be asked."""
        answer = self._call("ls-remote", "--quiet", "--end-of-options", "origin", *patterns)
        return listing.parse_refs(answer.out)

    def fetch(self, *refspecs: str, prune: bool = False, into: Path | None = None) -> None:
        """Fetch into the mirror, or into the folder that is to become it.

        Raises NoBranchError, TransientError, and DamagedMirrorError when the mirror itself may be the reason.
        """
        options = (*_OPTIONS, "--prune") if prune else _OPTIONS
        self._call("fetch", *options, "--end-of-options", "origin", *refspecs, into=into)

    def fetch_commit(self, commit: str, ref: str, *, into: Path | None = None) -> None:
        """Fetch a commit, by its id or with all branches and tags, and let `ref` name it. Raises as `fetch`."""
        try:
            self.fetch(f"+{commit}:{ref}", into=into)
        except NotGivenError:
            self.fetch("+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*", into=into)
            place = {"GIT_DIR": str(into), "GIT_OBJECT_DIRECTORY": str(into / "objects")} if into else None
            if self._calls.run("update-ref", ref, f"{commit}^{{commit}}", env=place).status:
                raise

    def _call(self, verb: str, *arguments: str, into: Path | None = None) -> Answer:
        secret = admission.read_secret(self._access)
        place = {"GIT_DIR": str(into), "GIT_OBJECT_DIRECTORY": str(into / "objects")} if into else None
        limits = _LIMITED.format(memory=_MEMORY, blocks=self._access.max_fetch // _BLOCK)
        answer = self._calls.run("-c", limits, "git", verb, *arguments, env=place, program="sh")
        if answer.status == 0:
            return answer
        self._mirror.sweep()
        text = self._explained(answer, secret)
        if verb == "fetch" and refusal.speaks_of_no_branch(answer.err):
            raise NoBranchError(text)
        is_suspect = (
            answer.status > 0 and not refusal.speaks_of_size(answer.err) and refusal.may_be_ours(answer.err)
        )
        if verb == "fetch" and not is_suspect and refusal.speaks_of_no_commit(answer.err):
            raise NotGivenError(text)
        raise DamagedMirrorError(text) if is_suspect else TransientError(text)

    def _explained(self, answer: Answer, secret: str) -> str:
        if refusal.speaks_of_size(answer.err):
            return f"{self._where}: sends more than {self._access.max_fetch:,} bytes at once; {_SMALLER}"
        late = self._access.timeout if answer.is_late else None
        return refusal.explain(self._where, answer.err, late=late, secrets=(secret,))
