"""The name of a release: one digest over every file as it would be run. PURE."""

import hashlib
from collections.abc import Mapping

from paiwatch.releases.release import ReleaseFile


def release_digest(files: Mapping[str, ReleaseFile]) -> str:
    """sha256 over path, mode and content id of each file, sorted by path, each length-prefixed so that none can run into the next."""
    digest = hashlib.sha256()
    for path in sorted(files):
        for part in (path, files[path].mode.value, files[path].oid):
            encoded = part.encode("utf-8", "surrogateescape")
            digest.update(b"%d:%s" % (len(encoded), encoded))
    return digest.hexdigest()
