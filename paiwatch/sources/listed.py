"""All files of a commit, asked of git: from another tree of the repository, at the cost of the difference alone."""

import re
from collections.abc import Collection, Mapping

from paiwatch.errors import StalledError, TransientError
from paiwatch.snapshot import Entry, Revision, Tree
from paiwatch.sources import listing, names, refusal
from paiwatch.sources.calls import Calls
from paiwatch.sources.mirror import DamagedMirrorError
from paiwatch.sources.refused_commit import named

_COMMIT = re.compile(r"[0-9a-f]{40}")
_DIFFERENCE = ("-r", "-z", "--raw", "--no-abbrev", "--no-renames", "--ignore-submodules=none")


def files(calls: Calls, revision: Revision, *, since: Tree | None, where: str) -> Mapping[str, Entry]:
    """By path. Raises StalledError when the commit has one that no folder could hold, DamagedMirrorError when it is not whole."""
    commit = revision.id
    if since is not None and _COMMIT.fullmatch(since.revision.id):
        answer = calls.run("diff-tree", *_DIFFERENCE, "--end-of-options", since.revision.id, commit)
        if answer.status == 0:
            now = listing.apply_difference(since.files, answer.out)
            _check(revision, now, fresh=listing.written_paths(answer.out), where=where)
            return now
    answer = calls.run("ls-tree", "-r", "-z", "--full-tree", "--end-of-options", commit)
    if answer.status == 0:
        now = listing.parse_listing(answer.out)
        _check(revision, now, fresh=now, where=where)
        return now
    if answer.is_late or answer.status < 0:  # a git that was ended says nothing about the mirror
        raise TransientError(f"{where}: listing {commit} was ended; raise `timeout` if that comes again")
    said = refusal.scrub(answer.err).strip()
    raise DamagedMirrorError(f"{where}: commit {commit} cannot be listed ({said}); the next look tries again")


def _check(revision: Revision, now: Mapping[str, Entry], *, fresh: Collection[str], where: str) -> None:
    """What no checkout of git's would write, a stage shall not either."""
    if fault := names.fault(now, fresh):
        raise StalledError(f"{where}: the newest commit {named(revision)} has {fault}; push one without it")
