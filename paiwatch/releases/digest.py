"""The name of a release: one digest over every file as it would be run. PURE."""

import hashlib
from collections.abc import Mapping

from paiwatch.releases.release import ReleaseFile
from paiwatch.snapshot import Entry


def release_digest(files: Mapping[str, ReleaseFile], watched: Mapping[str, Entry] | None = None) -> str:
    """sha256 over path, mode and content id of each file, sorted by path, each length-prefixed so that none can run into the next.

    Watched files follow, told from the service's own by a leading slash, which no path of a deploy folder has.
    """
    digest = hashlib.sha256()
    for path in sorted(files):
        for part in (path, files[path].mode.value, files[path].oid):
            _add(digest, part)
    for path, entry in sorted((watched or {}).items()):
        for part in (f"/{path}", entry.mode.value, entry.oid):
            _add(digest, part)
    return digest.hexdigest()


def _add(digest: "hashlib._Hash", part: str) -> None:
    encoded = part.encode("utf-8", "surrogateescape")
    digest.update(b"%d:%s" % (len(encoded), encoded))
