"""A git repository: fetched, listed and read by object id. The only room that knows GitPython.

Everything is read through a private bare mirror, so the configuration, hooks and filters of the other side never run.
No work tree, no object model, no lasting children: every call is one short git process.
"""

import logging
import os
import re
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from paiwatch.errors import ConfigError, StalledError, TransientError
from paiwatch.failpoint import reach
from paiwatch.snapshot import Commit, Entry, Revision, Tree
from paiwatch.sources import access as admission
from paiwatch.sources import gitdir, listing, refusal
from paiwatch.sources.access import Access
from paiwatch.sources.children import end_children_of
from paiwatch.sources.mirror import Mirror

try:
    from git import Git
    from git.exc import GitCommandNotFound
except ImportError as fault:
    raise ConfigError(f"git does not run here: {fault}; install git and see that it is on PATH") from fault

T = TypeVar("T")
_BRANCH = re.compile(r"(?!.*(?:\.\.|@\{|//|\.lock(?:/|$)|/\.|\.$|/$))(?![-./])[^\x00-\x20\x7f~^:?*\[\\]+")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_PATIENCE = 2.0  # seconds after which a git that outlived its own limit is ended with all its children

logging.getLogger("git").setLevel(logging.WARNING)  # its debug lines hold whole environments


class DamagedError(TransientError):
    """Our own mirror lacks something that it should have."""


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    out: bytes
    err: str


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
        self._mirror = Mirror(home, branch=self._branch)
        if lender is not None:
            self._mirror.borrow((lender,))
        asks = self._access.token_file is not None or bool(self._access.password)
        askpass = admission.write_askpass(self._access, home) if asks else None
        self._git = Git(self._mirror.git)
        self._git.update_environment(**admission.environment(self._access, self._mirror, askpass))
        self._thread = threading.get_native_id()
        self._may_recreate = True

    # -- what is new

    def newest(self) -> str:
        """The branch's commit now, present in the mirror. Costs one ls-remote when nothing moved, less for a path.

        Raises StalledError when the branch does not exist, TransientError when the other side cannot be asked.
        """
        self._may_recreate = True
        if self._access.is_local:
            lent = self._borrow()
            if gitdir.has_plain_refs(lent):
                return gitdir.read_ref(lent, self._ref) or self._miss(gitdir.branches(lent))
        tip = self._ask_remote(self._ref).get(self._ref)
        if tip is None:
            heads = self._ask_remote("refs/heads/*")
            return self._miss(tuple(sorted(ref.removeprefix("refs/heads/") for ref in heads)))
        if self._access.is_local or tip == self._own_tip():
            return tip
        return self._fetch_branch()

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
            self._fetch("--prune", "+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*")
            known = self._parse(text)
        if known is None:
            names = self._run("for_each_ref", "--format=%(refname:short)", "refs/heads", "refs/tags")
            near = refusal.did_you_mean(text, names.out.decode(errors="replace").splitlines())
            raise ConfigError(f"{self._where}: no revision {text!r}{near}")
        return known

    def revision(self, commit: str) -> Revision:
        """Who committed it, when, and its subject."""

        def read() -> Revision:
            form = "--format=%an%x00%ct%x00%s"
            out = self._read("rev_list", "--no-walk", "--no-commit-header", form, "--end-of-options", commit)
            return listing.parse_revision(commit, out)

        return self._mended(read)

    # -- what is in it

    def look(self, *, folder: str, since: Tree | None = None, revision: str | None = None) -> Tree:
        """The newest tree, or the one at `revision`; `since` itself when its commit is still the one."""
        commit = self.newest() if revision is None else self.resolve(revision)
        if since is not None and since.revision.id == commit and since.folder == folder:
            return since
        return self.tree(self.revision(commit), folder=folder, since=since)

    def tree(self, revision: Revision, *, folder: str, since: Tree | None = None) -> Tree:
        """All files of a commit; from `since`, another tree of this repository, at the cost of the difference alone."""
        files = self._mended(lambda: self._list(revision.id, since))
        return Tree(revision=revision, folder=folder, files=files)

    def read(self, oids: Iterable[str]) -> Mapping[str, bytes]:
        """Blobs by id, all from one git process. Raises TransientError when one is missing."""
        wanted = tuple(dict.fromkeys(oids))
        if not wanted:
            return {}
        return self._mended(lambda: self._read_blobs(wanted))

    def log(self, since: str, until: str, paths: Sequence[str] = ()) -> tuple[Commit, ...]:
        """Commits of `until` but not of `since` that changed one of these paths, newest first; none if `since` is unknown."""
        wanted = (f":(top,literal){path}" for path in paths)
        answer = self._run("log", *listing.LOG_FLAGS, "--end-of-options", f"{since}..{until}", "--", *wanted)
        return listing.parse_log(answer.out) if answer.status == 0 else ()

    # -- its life

    def abort(self) -> None:
        """End the git that runs now, if one does; from any thread. The call that waits for it raises TransientError."""
        end_children_of(self._thread)

    def close(self) -> None:
        """Release the mirror."""
        self._git.clear_cache()
        self._mirror.close()

    # -- the other side

    def _borrow(self) -> Path:
        """Read the objects of a repository on this machine in place; gives its git folder."""
        path = Path(self._access.repo)
        try:
            lent = gitdir.find(path)
        except OSError as fault:
            raise TransientError(
                f"{path}: cannot be read: {fault.strerror}; let paiwatch's user read it"
            ) from fault
        if lent is None:
            if path.is_dir():
                raise StalledError(f"{path}: no git repository there; check `repo`, or `git init` one")
            raise TransientError(f"{path}: no such folder; check `repo`, or mount it")
        self._mirror.borrow((lent / "objects",))
        return lent

    def _ask_remote(self, *patterns: str) -> dict[str, str]:
        answer = self._outside("ls_remote", "--quiet", "--end-of-options", "origin", *patterns)
        return listing.parse_refs(answer.out)

    def _miss(self, branches: tuple[str, ...]) -> str:
        near = refusal.did_you_mean(self._branch, branches)
        raise StalledError(
            f"{self._where}: no branch {self._branch!r}{near}; push it, or correct `branch`"
            if branches
            else f"{self._where}: the repository has no branch yet; push {self._branch!r} to it"
        )

    def _own_tip(self) -> str | None:
        return gitdir.read_ref(self._mirror.git, self._ref)

    def _fetch_branch(self) -> str:
        self._fetch(f"+{self._ref}:{self._ref}")
        reach("source.fetched")
        tip = self._own_tip()
        if tip is None:
            raise TransientError(f"{self._where}: {self._branch!r} vanished while it was fetched")
        if self._mirror.needs_packing():
            self._run("repack", "-a", "-d", "-k", "-l", "-q")
        return tip

    def _fetch(self, *refspecs: str) -> None:
        options = ("--quiet", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules", "--force")
        prune = tuple(word for word in refspecs if word.startswith("--"))
        wanted = tuple(word for word in refspecs if not word.startswith("--"))
        arguments = (*options, *prune, "--end-of-options", "origin", *wanted)
        try:
            self._outside("fetch", *arguments)
        except DamagedError:
            if not self._may_recreate:
                raise
            self._may_recreate = False
            self._mirror.recreate()
            self._outside("fetch", *arguments)

    def _outside(self, verb: str, *arguments: str) -> _Answer:
        """A git call that talks to the other side; its failures say where, what and what to do."""
        secret = admission.read_secret(self._access)
        reaper = threading.Timer(self._access.timeout + _PATIENCE, self.abort)
        reaper.daemon = True
        reaper.start()
        try:
            answer = self._run(verb, *arguments)
        finally:
            reaper.cancel()
            reaper.join()  # if it just fired, it must not end the next call
        if answer.status == 0:
            return answer
        self._mirror.sweep()
        text = refusal.explain(self._where, answer.err, timeout=self._access.timeout, secrets=(secret,))
        raise DamagedError(text) if refusal.speaks_of_damage(answer.err) else TransientError(text)

    # -- our side

    def _list(self, commit: str, since: Tree | None) -> Mapping[str, Entry]:
        if since is not None and _COMMIT.fullmatch(since.revision.id):
            flags = ("-r", "-z", "--raw", "--no-abbrev", "--no-renames", "--ignore-submodules=none")
            answer = self._run("diff_tree", *flags, "--end-of-options", since.revision.id, commit)
            if answer.status == 0:
                return listing.apply_difference(since.files, answer.out)
        return listing.parse_listing(
            self._read("ls_tree", "-r", "-z", "--full-tree", "--end-of-options", commit)
        )

    def _read_blobs(self, wanted: tuple[str, ...]) -> Mapping[str, bytes]:
        out = self._read("cat_file", "--batch", "--buffer", stdin="".join(f"{oid}\n" for oid in wanted))
        contents, missing = listing.parse_blobs(out)
        if missing or len(contents) != len(wanted):
            gone = missing[0] if missing else next(oid for oid in wanted if oid not in contents)
            raise DamagedError(
                f"{self._where}: object {gone} is missing; a forced push followed by gc can do that"
            )
        return contents

    def _parse(self, text: str) -> str | None:
        answer = self._run("rev_parse", "--verify", "--quiet", "--end-of-options", f"{text}^{{commit}}")
        commit = answer.out.decode(errors="replace").strip()
        return commit if answer.status == 0 and _COMMIT.fullmatch(commit) else None

    def _read(self, verb: str, *arguments: str, stdin: str = "") -> bytes:
        answer = self._run(verb, *arguments, stdin=stdin)
        if answer.status == 0:
            return answer.out
        said = f"{self._where}: git {verb.replace('_', '-')} failed: {refusal.scrub(answer.err).strip()}"
        # A git that was ended (timeout, shutdown) says nothing about the mirror.
        raise TransientError(said) if answer.status < 0 else DamagedError(said)

    def _mended(self, question: Callable[[], T]) -> T:
        """The answer; from a fresh mirror when ours turns out to be damaged (once for every look)."""
        try:
            return question()
        except DamagedError:
            if not self._may_recreate:
                raise
        self._may_recreate = False
        self._mirror.recreate()
        if not self._access.is_local:
            self._fetch_branch()
        return question()

    def _run(self, verb: str, *arguments: str, stdin: str = "") -> _Answer:
        """One git process, ended after the timeout; whatever it says is returned."""
        with open(os.memfd_create("stdin"), "w+b") as source:  # noqa: PTH123 (a descriptor, not a path)
            source.write(stdin.encode())
            source.seek(0)
            try:
                status, out, err = getattr(self._git, verb)(
                    *arguments,
                    istream=source,
                    with_extended_output=True,
                    with_exceptions=False,
                    stdout_as_string=False,
                    strip_newline_in_stdout=False,
                    kill_after_timeout=self._access.timeout,
                )
            except (GitCommandNotFound, OSError) as fault:
                raise TransientError(f"git cannot be started: {fault}") from fault
        return _Answer(status, out, err)
