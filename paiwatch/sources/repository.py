"""A git repository: fetched, listed and read by object id.

Everything is read through a private bare mirror, so the configuration, hooks and filters of the other side never run.
No work tree, no object model: one git process for each fetch and each difference, one that lasts for objects.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from paiwatch.errors import ConfigError, StalledError, TransientError
from paiwatch.failpoint import reach
from paiwatch.snapshot import Commit, Entry, Revision, Tree
from paiwatch.sources import access as admission
from paiwatch.sources import gitdir, listed, listing, refusal
from paiwatch.sources.access import Access
from paiwatch.sources.mirror import DamagedMirrorError, Mirror
from paiwatch.sources.observation import SourceObservation
from paiwatch.sources.reader import Reader
from paiwatch.sources.remote import NoBranchError, Remote

T = TypeVar("T")
_BRANCH = re.compile(r"(?!.*(?:\.\.|@\{|//|\.lock(?:/|$)|/\.|\.$|/$))(?![-./])[^\x00-\x20\x7f~^:?*\[\\]+")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_LARGEST_COMMIT = 16 << 20  # bytes of its message, names and signatures


class Repository:
    """One branch of one repository, through a mirror in `home` (held exclusively). Made, used and closed by one thread.

    `lender` is the object folder of another mirror of the same repository, to save fetching. Raises BusyError when
    another process holds `home`.
    """

    def __init__(self, *, home: Path, branch: str, access: Access, lender: Path | None = None) -> None:
        self._branch = branch.removeprefix("refs/heads/")
        self._ref = f"refs/heads/{self._branch}"
        self._access = admission.separate(access)
        self._where = refusal.scrub(access.repo)
        if not _BRANCH.fullmatch(self._branch):
            raise StalledError(f"{self._where}: {branch!r} is no name for a branch; correct `branch`")
        self._home = home
        self._mirror = Mirror(home, branch=self._branch)
        if lender is not None:
            self._mirror.borrow((lender,))
        self._environment = admission.environment(self._access, self._mirror, self._write_askpass())
        self._own = self.reader()
        self.git = self._calls = self._own.git
        self._objects = self._own.objects
        self._remote = Remote(self._calls, self._mirror, self._access, where=self._where)
        self._may_renew = self._may_pack = True
        self._listed: Mapping[str, Entry] = {}
        self._brought = ""

    # -- what is new

    def newest(self) -> str:
        """The branch's commit now, present in the mirror. Costs one fetch, much less for a path.

        Raises StalledError when the branch does not exist, TransientError when the other side cannot be asked.
        """
        self._wake()
        for _ in range(2):  # a branch that comes back while we ask why it is gone was never missed
            if (tip := self._tip()) is not None:
                return tip
            self._miss()
        raise TransientError(
            f"{self._where}: {self._branch!r} comes and goes, or cannot be read; the next look tries again"
        )

    def bring(self, commit: str) -> None:
        """Have this commit, whatever leads to it on the other side; costs nothing while it is the one that was brought last.

        Raises TransientError when it cannot be had.
        """
        if self._wake() and commit == self._brought:
            return
        before, self._brought = self._brought, commit  # what a new mirror has to have
        try:
            if self._parse(commit) is None:
                self.mended(lambda: self._remote.fetch_commit(commit, self._ref))
        except TransientError:
            self._brought = before
            raise

    def resolve(self, text: str) -> str:
        """The commit that a person's words mean: a branch, a tag, HEAD (the followed branch), an id, `main~2`.

        Asks the other side for its branches and tags, unless it is the full id of a commit that is here.
        Raises ConfigError when it means nothing.
        """
        if text.startswith("-") or not text or "\0" in text:
            raise ConfigError(f"{text!r} is no revision; use a branch, a tag or a commit id")
        if self._access.is_local:
            self._borrow()
        known = self._parse(text) if _COMMIT.fullmatch(text) else None
        if known is None:
            self._fetch("+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*", prune=True)
            known = self._parse(text)
        if known is None:
            names = self._calls.run("for-each-ref", "--format=%(refname:short)", "refs/heads", "refs/tags")
            near = refusal.did_you_mean(text, names.out.decode(errors="replace").splitlines())
            raise ConfigError(f"{self._where}: no revision {text!r}{near}")
        return known

    def revision(self, commit: str) -> Revision:
        """Who committed it, when, and its subject."""

        def read() -> Revision:
            found = self._objects.read((commit,), most=_LARGEST_COMMIT).get(commit)
            if found is None:
                raise DamagedMirrorError(
                    f"{self._where}: commit {commit} is announced, but not there yet; the next look tries again"
                )
            if found.kind != "commit":
                raise StalledError(
                    f"{self._where}: {commit} is a {found.kind} and no commit; point the branch to one"
                )
            if found.content is None:
                raise StalledError(
                    f"{self._where}: commit {commit} has {found.size:,} bytes; write a shorter message"
                )
            return listing.parse_commit(commit, found.content)

        return self.mended(read)

    # -- what is in it

    def look(self, *, folder: str, since: Tree | None = None, revision: str | None = None) -> Tree:
        """The newest tree, or the one at `revision`; `since` itself when its commit is still the one."""
        commit = self.newest() if revision is None else self.resolve(revision)
        if since is not None and since.revision.id == commit and since.folder == folder:
            return since
        return self.tree(self.revision(commit), folder=folder, since=since)

    def observe(
        self, *, folder: str, since: Tree | None = None, revision: str | None = None
    ) -> SourceObservation:
        """The same for who takes any source: nothing is left out or refused here."""
        return SourceObservation(tree=self.look(folder=folder, since=since, revision=revision))

    def tree(self, revision: Revision, *, folder: str, since: Tree | None = None) -> Tree:
        """All files of a commit; from `since`, another tree of this repository, at the cost of the difference alone."""
        self._listed = files = self.mended(
            lambda: listed.files(self._calls, revision, since=since, where=self._where)
        )
        return Tree(revision=revision, folder=folder, files=files)

    def read(self, oids: Iterable[str]) -> Mapping[str, bytes]:
        """Blobs by id, all from one git process. Raises TransientError when one is missing."""
        wanted = tuple(oids)
        return self.mended(lambda: self._own.read(wanted))

    def log(self, since: str, until: str, paths: Sequence[str] = ()) -> tuple[Commit, ...]:
        """See Reader.log."""
        return self._own.log(since, until, paths)

    def reader(self) -> Reader:
        """Another way to the same objects, for another thread: it waits for no fetch, and mends nothing."""
        return Reader(
            self._environment, timeout=self._access.timeout, where=self._where, files=lambda: self._listed
        )

    # -- its life

    def rest(self) -> None:
        """End the git that waits for questions; the next one starts another."""
        self._objects.close()

    def abort(self) -> None:
        """End the git that runs now, if one does, and start no other; from any thread. Whoever waits gets TransientError."""
        self._calls.abort()

    def close(self) -> None:
        """End the last git, release the mirror."""
        self._objects.close()
        self._mirror.close()

    # -- the other side

    def _borrow(self) -> Path:
        """Read the objects of a repository on this machine in place; gives its git folder."""
        lent = gitdir.found(Path(self._access.repo))
        self._mirror.borrow((lent / "objects",))
        return lent

    def _tip(self) -> str | None:
        """The branch's commit, fetched unless its objects are borrowed; None when there is no such branch."""
        if not self._access.is_local:
            return self._fetch_branch()
        lent = self._borrow()
        if gitdir.has_plain_refs(lent):
            return gitdir.read_ref(lent, self._ref)
        return self._remote.refs(self._ref).get(self._ref)

    def _miss(self) -> None:
        """Raise StalledError that says why there is no such branch, unless there is one by now."""
        tag = f"refs/tags/{self._branch.removeprefix('refs/tags/')}"
        lent = self._borrow() if self._access.is_local else None
        if lent is not None and gitdir.has_other_hash(lent):
            raise StalledError(f"{self._where}: {refusal.OTHER_HASH}")
        if lent is not None and gitdir.has_plain_refs(lent):
            branches, is_tag = gitdir.branches(lent), gitdir.read_ref(lent, tag) is not None
        else:
            refs = self._remote.refs("refs/heads/*", tag)
            is_tag = tag in refs
            branches = tuple(sorted(ref.removeprefix("refs/heads/") for ref in refs if ref != tag))
        if self._branch not in branches:
            raise StalledError(
                f"{self._where}: {refusal.explain_miss(self._branch, branches, is_tag=is_tag)}"
            )

    def _fetch_branch(self) -> str | None:
        try:
            self._fetch(f"+{self._ref}:{self._ref}")
        except NoBranchError:
            return None
        reach("source.fetched")
        tip = gitdir.fetched(self._mirror.git, self._branch)
        if tip is None:  # git took another ref for it: refs/tags/refs/heads/main, say
            self._mirror.forget()
        elif self._may_pack and self._mirror.needs_packing():
            self._pack()
        return tip

    def _pack(self) -> None:
        """Put loose objects and small packs together. What takes too long once is not tried at every fetch."""
        self._may_pack = self._calls.run("repack", "-a", "-d", "-k", "-l", "-q").status == 0
        if not self._may_pack:
            self._mirror.sweep()

    def _fetch(self, *refspecs: str, prune: bool = False) -> None:
        self.mended(lambda: self._remote.fetch(*refspecs, prune=prune))

    # -- our side

    def _wake(self) -> bool:
        """Begin a look. False when the mirror was gone: it is there again, but empty."""
        self._may_renew = True
        self._objects.rest()
        if self._mirror.is_there():
            return True
        self._objects.close()
        self._mirror.rebuild()
        self._write_askpass()
        return False

    def _parse(self, text: str) -> str | None:
        """The commit that these words mean here; a branch before a tag of the same name."""
        for words in (f"refs/heads/{text}", text):
            answer = self._calls.run(
                "rev-parse", "--verify", "--quiet", "--end-of-options", f"{words}^{{commit}}"
            )
            commit = answer.out.decode(errors="replace").strip()
            if answer.status == 0 and _COMMIT.fullmatch(commit):
                return commit
        return None

    def mended(self, question: Callable[[], T]) -> T:
        """The answer; from a fresh mirror when ours turns out to be damaged."""
        try:
            return question()
        except DamagedMirrorError:
            if not self._is_damaged():
                raise
        self._renew()
        return question()

    def _is_damaged(self) -> bool:
        """Whether a new mirror may help; found out once for every look, for it means reading all objects."""
        if not self._may_renew:
            return False
        self._may_renew = False
        return self._access.is_local or self._calls.run("fsck", "--no-dangling", "--no-progress").status != 0

    def _renew(self) -> None:
        """A new mirror, in place of the damaged one once it has all that it needs."""
        self._objects.close()
        fresh = self._mirror.begin_again()
        if self._brought:
            self._remote.fetch_commit(self._brought, self._ref, into=fresh)
        elif not self._access.is_local:
            self._remote.fetch(f"+{self._ref}:{self._ref}", into=fresh)
        self._mirror.adopt()
        self._mirror.mend()
        self._write_askpass()
        if self._access.is_local:
            self._borrow()

    def _write_askpass(self) -> Path | None:
        asks = self._access.token_file is not None or bool(self._access.password)
        return admission.write_askpass(self._access, self._home) if asks else None
