"""A live directory: read until it holds still, named like a commit. Events play no part here; every look compares everything.

Two passes that agree make a listing: each file was read before the instant between them and unchanged after it.
"""

import errno
import hashlib
import os
import stat
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path, PurePosixPath

from paiwatch.errors import ConfigError, TransientError
from paiwatch.problem import Problem, Severity
from paiwatch.snapshot import DEEPEST, LARGEST, LONGEST, Commit, Contents, Entry, Mode, Revision, Tree
from paiwatch.sources.keep import Keep
from paiwatch.sources.observation import SourceObservation
from paiwatch.sources.scratch import is_scratch

_TRIES = 12
_PAUSE = 0.02  # seconds after the first disagreement; grows with each
_FINE = 100_000_000  # ns: a change this soon after the last one may leave both with one time stamp (the kernel's clock tick)
_COARSE = 2_100_000_000  # ns: the same on file systems that keep whole seconds

#: Errors of the disk or the machine, not of one file.
_FAILING = frozenset({errno.EIO, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ESTALE})

_SHOWN = 160  # characters of a path

_NOTHING = "0" * 40  # the content id of what is not taken
_LOCKED, _REFUSED = Entry(Mode.UNREADABLE, _NOTHING), Entry(Mode.REFUSED, _NOTHING)

Signature = tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """A file as last read. `is_sure`: an equal signature proves equal content."""

    signature: Signature
    entry: Entry
    is_sure: bool


@dataclass(slots=True)
class _Pass:
    """What one walk found."""

    seen: dict[str, _Seen] = field(default_factory=dict)
    unreadable: dict[str, str] = field(default_factory=dict)  # and why
    oversized: dict[str, int] = field(default_factory=dict)  # and how many bytes it has
    deep: set[str] = field(default_factory=set)
    torn: set[str] = field(default_factory=set)

    @property
    def files(self) -> dict[str, Entry]:
        """In path order."""
        found = {path: seen.entry for path, seen in self.seen.items()}
        found |= dict.fromkeys(self.unreadable, _LOCKED)
        found |= dict.fromkeys((*self.oversized, *self.deep), _REFUSED)
        return dict(sorted(found.items()))


class LiveDirectory:
    """The files below `root`, which may be a symlink that is switched. Nothing named `.git` counts, nor what
    editors keep beside their files; no link is followed.

    Contents are kept in `keep` as they were at the look. Used by one thread; `read` by another one, too.
    """

    def __init__(self, root: Path, *, keep: Keep, clock: Callable[[], float] = time.time) -> None:
        self._root = root
        self._keep = keep
        self._clock = clock
        self._cache: dict[str, _Seen] = {}
        self._files: Mapping[str, Entry] | None = None
        self._revision: Revision | None = None
        self._is_aborted = False
        self.problems: tuple[Problem, ...] = ()

    def look(self, *, folder: str, since: Tree | None = None, revision: str | None = None) -> Tree:
        """The directory as it is now; `since` itself when nothing changed.

        Raises TransientError when it is not there or does not hold still, ConfigError when a revision is asked for.
        """
        if revision is not None:
            raise ConfigError(f"{self._root}: a live directory has no revisions; leave {revision!r} out")
        files, now = self._hold_still()
        if files is not self._files:
            retained = {entry.oid for listing in (files, self._files or {}) for entry in listing.values()}
            self._keep.retain(retained)
            self._files = files
            self._revision = Revision(id=name(files), subject=f"files in {self._root}", at=now)
        if self._revision is None:
            raise AssertionError("a listing has its revision")
        if any(f"{above}/." in files for above in (folder, *map(str, PurePosixPath(folder).parents))):
            raise TransientError(f"{self._root / folder}: may not be read; let paiwatch's user read it")
        if since is not None and since.revision.id == self._revision.id and since.folder == folder:
            return since
        return Tree(revision=self._revision, folder=folder, files=files)

    def observe(
        self, *, folder: str, since: Tree | None = None, revision: str | None = None
    ) -> SourceObservation:
        """The same with the files that had to be left out."""
        tree = self.look(folder=folder, since=since, revision=revision)
        return SourceObservation(tree=tree, left_out=self.problems)

    def read(self, oids: Iterable[str]) -> Mapping[str, bytes]:
        """Contents of the last look, and of the one before it; from any thread. Raises TransientError for what may not be read."""
        wanted = frozenset(oids)
        if _NOTHING in wanted and self.problems:
            raise TransientError("; ".join(str(problem) for problem in self.problems))
        return self._keep.read(wanted)

    def reader(self) -> "_Kept":
        """Its contents for another thread, while a look is under way."""
        return _Kept(self.read)

    def abort(self) -> None:
        """End the look that may be under way: a large directory takes its time. Safe to call from any thread."""
        self._is_aborted = True

    def close(self) -> None:
        """Forget the contents."""
        self._keep.close()

    def _hold_still(self) -> tuple[Mapping[str, Entry], float]:
        """The listing that two passes in a row agree on (an earlier look's last pass counts), and the time of it."""
        known = self._files
        before = known
        moving: set[str] = set()
        for attempt in range(_TRIES):
            now = self._clock()
            found = self._walk()
            files = found.files
            if files == before and not found.torn:
                self.problems = tuple(sorted(self._left_out(found)))
                return (known if known is not None and files == known else files), now
            if attempt:
                moving |= _differing(before, files) | found.torn
                time.sleep(_PAUSE * attempt)
            before = None if found.torn else files
        raise TransientError(
            f"{self._root}: does not hold still ({', '.join(sorted(moving)[:3])} kept changing); "
            "it is read again after the next change; move what is written all the time out of it"
        )

    def _walk(self) -> _Pass:
        found = _Pass()
        try:
            top = os.open(self._root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                self._walk_folder(top, "", found)
            finally:
                os.close(top)
        except OSError as fault:
            raise TransientError(
                f"{self._root}: cannot read the directory: {fault.strerror}; check `directory`, or mount it"
            ) from fault
        self._cache = found.seen
        return found

    def _walk_folder(self, folder: int, prefix: str, found: _Pass) -> None:
        with os.scandir(folder) as entries:
            for entry in entries:
                path = prefix + entry.name
                if entry.name == ".git":
                    continue
                if self._is_aborted:
                    raise TransientError(f"{self._root}: paiwatch was asked to end while it read")
                try:
                    self._visit(folder, entry, path, found)
                except (FileNotFoundError, NotADirectoryError):
                    found.torn.add(path)
                except OSError as fault:
                    if fault.errno in _FAILING:
                        raise  # a file that is there must not look like one that is gone
                    place = f"{path}/." if entry.is_dir(follow_symlinks=False) else path
                    found.unreadable[place] = fault.strerror or str(fault)

    def _visit(self, folder: int, entry: os.DirEntry[str], path: str, found: _Pass) -> None:
        facts = entry.stat(follow_symlinks=False)
        if _lies_too_deep(path):
            found.deep.add(f"{path}/." if stat.S_ISDIR(facts.st_mode) else path)
        elif stat.S_ISDIR(facts.st_mode):
            flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
            inner = os.open(entry.name, flags, dir_fd=folder)
            try:
                self._walk_folder(inner, f"{path}/", found)
            finally:
                os.close(inner)
        elif not (stat.S_ISREG(facts.st_mode) or stat.S_ISLNK(facts.st_mode)) or is_scratch(entry.name):
            return
        elif facts.st_size > LARGEST:
            found.oversized[path] = facts.st_size
        else:
            seen = self._cache.get(path)
            if seen is None or not seen.is_sure or seen.signature != _signature(facts):
                seen = self._take(folder, entry.name, facts)
            if seen is None:
                found.torn.add(path)
            else:
                found.seen[path] = seen

    def _take(self, folder: int, file: str, facts: os.stat_result) -> _Seen | None:
        """Read one file or link; None when it changed meanwhile."""
        started = int(self._clock() * 1e9)
        if stat.S_ISLNK(facts.st_mode):
            target = os.fsencode(os.readlink(file, dir_fd=folder))
            oid, mode, after = self._keep.add(len(target), lambda _: target), Mode.LINK, facts
        else:
            opened = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
            try:
                oid = self._keep.add(facts.st_size, partial(os.read, opened))
                after = os.fstat(opened)
            finally:
                os.close(opened)
            mode = Mode.EXECUTABLE if facts.st_mode & stat.S_IXUSR else Mode.FILE
        if oid is None or _signature(after) != _signature(facts):
            return None
        return _Seen(signature=_signature(facts), entry=Entry(mode, oid), is_sure=_is_old(facts, started))

    def _left_out(self, found: _Pass) -> Iterable[Problem]:
        for path, fault in found.unreadable.items():
            remedy = "let paiwatch's user read it, or move it out of the directory"
            yield self._warning(path, f"may not be read: {fault}", remedy)
        for path, size in found.oversized.items():
            message = f"has {size:,} bytes, and a file may have {LARGEST:,}; scripts do not see it"
            yield self._warning(path, message, "keep it elsewhere and let a script fetch it")
        for path in found.deep:
            message = f"lies more than {DEEPEST} folders or {LONGEST:,} bytes deep; scripts do not see it"
            yield self._warning(path, message, "move or remove it")

    def _warning(self, path: str, message: str, remedy: str) -> Problem:
        file = f"{self._root}/{_shown(path.removesuffix('/.'))}"
        return Problem(file=file, severity=Severity.WARNING, message=message, remedy=remedy)


class _Kept:
    """What a live directory keeps, and nothing to wait for or give back."""

    def __init__(self, read: Contents) -> None:
        self.read = read

    def log(self, since: str, until: str, paths: Sequence[str] = ()) -> tuple[Commit, ...]:  # noqa: ARG002 (as a repository's)
        """Nobody committed anything here."""
        return ()

    def rest(self) -> None:
        """Nothing lasts between two questions."""

    def abort(self) -> None:
        """A question is answered at once."""

    def close(self) -> None:
        """The directory gives everything back."""


def name(files: Mapping[str, Entry]) -> str:
    """40 hex digits that name a listing: equal paths, modes and contents give equal names."""
    digest = hashlib.sha1(usedforsecurity=False)
    for path, entry in sorted(files.items()):
        digest.update(os.fsencode(f"{entry.mode} {entry.oid}\t{path}\0"))
    return digest.hexdigest()


def _signature(facts: os.stat_result) -> Signature:
    return (facts.st_dev, facts.st_ino, facts.st_mode, facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns)


def _lies_too_deep(path: str) -> bool:
    """Where few would look for anything, and neither a stage nor the recursion here could follow."""
    return len(path) * 4 > LONGEST and (path.count("/") >= DEEPEST or len(os.fsencode(path)) > LONGEST)


def _shown(path: str) -> str:
    """A path that can be printed and stored, and read however long it is."""
    plain = "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in path)
    return plain if len(plain) <= _SHOWN else f"{plain[: _SHOWN // 2]}…{plain[-_SHOWN // 2 :]}"


def _is_old(facts: os.stat_result, now: int) -> bool:
    """Whether a later change must show in the time stamps."""
    newest = max(facts.st_mtime_ns, facts.st_ctime_ns)
    return now - newest > (_COARSE if facts.st_ctime_ns % 1_000_000_000 == 0 else _FINE)


def _differing(before: Mapping[str, Entry] | None, after: Mapping[str, Entry]) -> set[str]:
    if before is None:
        return set()
    return {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}
