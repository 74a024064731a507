"""The archive: every release that ran, by digest, so that a service gone from the tree can be stopped with its own scripts.

A release is a folder with its files and a listing (`release.json`: kind, content id and path of each). It appears whole or not at all,
never changes, and what was damaged is noticed when it is loaded. Links are kept as files that hold their target.
Call it from one thread at a time.
"""

import json
import os
import tempfile
from collections.abc import Collection, Mapping
from pathlib import Path

from paiwatch import disk, private
from paiwatch.errors import DamagedError, StalledError, StoreError
from paiwatch.failpoint import reach
from paiwatch.releases.release import Release, RenderedFiles
from paiwatch.snapshot import Mode, blob_id

#: Files of a release by path in the deploy folder: kind and bytes (of a link: its target).
Files = Mapping[str, tuple[Mode, bytes]]

_LISTING = "release.json"
_SECRETS = "secrets.json"
_FILES = "files"
_RESTORE = "restore that folder from a back-up, or bring the component back into the tree"
_MODES = {Mode.FILE: 0o600, Mode.EXECUTABLE: 0o700}


class Archive:
    """Releases under `root`, for the owner only. Raises StoreError naming what is at fault, StalledError where that is the release."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def has(self, digest: str) -> bool:
        """Whether this release is kept."""
        return (self._folder(digest) / _LISTING).is_file()

    def keep(
        self,
        files: RenderedFiles,
        blobs: Mapping[str, bytes],
        *,
        secrets: Collection[str] = (),
        anew: bool = False,
    ) -> None:
        """Keep the release, unless it is kept (`anew`: in its place); durable on return. `blobs` has the bytes of its `static_ids`.

        `secrets` are the secret values in its files: they must stay hidden when the configuration has others.
        """
        digest = files.release.digest
        folder = self._folder(digest)
        if self.has(digest) and not anew:
            return
        try:
            private.make_folder(self._root, durable=True)
            unfinished = Path(tempfile.mkdtemp(prefix=".", dir=self._root))
            try:
                self._write(unfinished, files, blobs, secrets)
                self._publish(unfinished, folder)
            finally:
                private.remove_tree(unfinished)
        except OSError as error:
            if not disk.may_pass(error):
                raise StalledError(f"{folder}: the release cannot be kept: {disk.explain(error)}") from error
            raise StoreError(f"{self._root}: cannot be written: {disk.explain(error)}") from error

    def load(self, digest: str) -> Files:
        """Its files, each checked against its content id. Raises DamagedError where trying again is of no use."""
        folder = self._folder(digest)
        try:
            listing = json.loads((folder / _LISTING).read_bytes())
            found = {path: (Mode(mode), _read(folder / _FILES / path)) for path, (mode, _) in listing.items()}
        except (OSError, ValueError, TypeError, AttributeError) as error:
            raise _unreadable(folder, error) from error
        damaged = sorted(path for path, (_, oid) in listing.items() if blob_id(found[path][1]) != oid)
        if damaged:
            raise DamagedError(f"{folder}: {damaged[0]} is damaged; {_RESTORE}")
        return found

    def secrets(self, digest: str) -> frozenset[str]:
        """The secret values in its files; none when it is not kept. Raises StoreError when they cannot be read."""
        try:
            return frozenset(json.loads((self._folder(digest) / _SECRETS).read_bytes()))
        except FileNotFoundError:
            return frozenset()
        except (OSError, ValueError, TypeError) as error:
            raise _unreadable(self._folder(digest) / _SECRETS, error) from error

    def prune(self, keep: Collection[str]) -> int:
        """Remove what is not in `keep`, and what a crash left unfinished; gives the number of releases removed. Raises OSError."""
        if not self._root.is_dir():
            return 0
        with os.scandir(self._root) as entries:
            gone = [Path(entry.path) for entry in entries if entry.name not in keep]
        for entry in gone:
            (entry / _LISTING).unlink(missing_ok=True)  # first: half a release must not look like a whole one
            reach("archive.pruning")
            private.remove_tree(entry)
        return sum(1 for entry in gone if not entry.name.startswith("."))

    def _folder(self, digest: str) -> Path:
        if not digest.isalnum():
            raise StoreError(f"{self._root}: {digest!r} is no release digest")
        return self._root / digest

    def _write(
        self, folder: Path, files: RenderedFiles, blobs: Mapping[str, bytes], secrets: Collection[str]
    ) -> None:
        release, top = files.release, folder / _FILES
        private.make_folder(top)
        folders = {folder, top}
        for path, file in sorted(release.files.items()):
            target = top / path
            if ".." in target.parts:
                raise StalledError(f"{folder}: {path} leaves the release; rename the file")
            content = files.contents[path] if path in release.rendered else blobs[file.oid]
            private.make_folder(target.parent)
            folders.update(parent for parent in target.parents if parent.is_relative_to(top))
            private.write_file(target, content, mode=_MODES.get(file.mode, 0o600), durable=True)
        if secrets:
            private.write_file(folder / _SECRETS, json.dumps(sorted(secrets)).encode(), durable=True)
        listing = {path: [file.mode, file.oid] for path, file in sorted(release.files.items())}
        private.write_file(folder / _LISTING, json.dumps(listing).encode(), durable=True)
        for each in folders:
            private.sync_folder(each)

    def _publish(self, unfinished: Path, folder: Path) -> None:
        """Give it its name. A folder of that name without a listing is what a crash left while pruning."""
        private.remove_tree(folder)
        reach("archive.unpublished")
        unfinished.rename(folder)
        private.sync_folder(self._root)
        reach("archive.published")


def _unreadable(place: Path, error: Exception) -> StoreError:
    if isinstance(error, OSError) and disk.may_pass(error):
        return StoreError(f"{place}: cannot be read: {disk.explain(error)}")
    return DamagedError(f"{place}: cannot be read: {error}; {_RESTORE}")


def static_ids(release: Release) -> frozenset[str]:
    """Content ids of the files that are not rendered: what `keep` must be given."""
    return frozenset(file.oid for path, file in release.files.items() if path not in release.rendered)


def _read(file: Path) -> bytes:
    descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as opened:
        return opened.read()
