"""Surroundings: the files of the tree outside the services' deploy folders, as scripts see them beside their own.

They are written once for each state of them, read-only, and shared by all stages. Equal files are stored once: a
pool by content, hard-linked, so that the next state of a large tree costs what changed.
"""

import errno
import hashlib
import os
import shutil
from collections.abc import Iterable, Mapping
from itertools import islice
from pathlib import Path, PurePosixPath

import structlog

from paiwatch import private
from paiwatch.errors import StalledError
from paiwatch.failpoint import reach
from paiwatch.snapshot import Contents, Entry, Mode, Tree

_FILE_MODES = {Mode.FILE: 0o400, Mode.EXECUTABLE: 0o500}
_BATCH = 64  # blobs asked for at once, so that a large tree does not have to fit into memory
_LARGEST = (
    4 << 30
)  # bytes of one state: a repository can promise a thousand times its size, and the disk is not ours alone
_WRITTEN = 946_684_800  # mtime of every pooled file (2000-01-01): another one tells that a script wrote to it
_LONGEST_TARGET = 4096  # bytes, with the one that ends it
_HOPS = 40  # links followed before it is a loop, as in the kernel


def listing(tree: Tree, deploys: Iterable[str]) -> dict[str, Entry]:
    """The tree's files outside these deploy folders (paths from the tree's root), as far as they have content. Pure."""
    folders = frozenset(deploys)
    return {
        path: entry
        for path, entry in tree.files.items()
        if entry.mode.has_content and not _is_inside(path, folders)
    }


def digest(files: Mapping[str, Entry]) -> str:
    """The name of this state of the surroundings. Pure."""
    text = "\0".join(f"{path}\0{entry.mode}\0{entry.oid}" for path, entry in sorted(files.items()))
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def leads_outside(path: str, links: Mapping[str, str]) -> bool:
    """Whether the link at `path` leads out of the tree, or nowhere for being a loop or no link that can be made.

    `links` has every link's target. Pure.
    """
    waiting = [*reversed(PurePosixPath(path).parts)]
    at: list[str] = []
    hops = 0
    while waiting:
        part = waiting.pop()
        if part == "..":
            if not at:
                return True
            at.pop()
            continue
        at.append(part)
        target = links.get("/".join(at))
        if target is None:
            continue
        hops += 1
        if target.startswith("/") or hops > _HOPS or not is_possible(target):
            return True
        at.pop()
        waiting += [piece for piece in reversed(target.split("/")) if piece not in {"", "."}]
    return False


def is_possible(target: str) -> bool:
    """Whether symlink(2) takes it: git keeps any bytes as the target of a link. Pure."""
    return bool(target) and "\0" not in target and len(os.fsencode(target)) < _LONGEST_TARGET


def prepare(state: Path, files: Mapping[str, Entry], contents: Contents) -> Path:
    """The folder that holds them, made unless it is there.

    Raises OSError, StalledError when they are too large together, and what `contents` raises.

    Links that lead out of the tree are left out. Call it from one thread at a time.
    """
    top = _top(state)
    folder = top / digest(files)
    if folder.is_dir():
        return folder
    pool = private.make_folder(top / "pool")
    unfinished = top / "unfinished"
    private.remove_tree(unfinished)
    private.make_folder(unfinished)
    plain = {path: entry for path, entry in files.items() if entry.mode is not Mode.LINK}
    left_out = _fill_pool(pool, plain.values(), contents)
    for path, entry in plain.items():
        if entry in left_out:
            structlog.get_logger().warning("surroundings.left_out", file=path, error=left_out[entry])
            continue
        target = unfinished / path
        private.make_folder(target.parent)
        _place(_pooled(pool, entry), target)
    _link(unfinished, files, contents)
    for inner, _, _ in os.walk(unfinished):
        Path(inner).chmod(0o500)
    reach("surroundings.unpublished")
    unfinished.rename(folder)
    reach("surroundings.prepared")
    return folder


def prune(state: Path, keep: Iterable[str]) -> None:
    """Remove all states but these digests, and pooled files that no state has."""
    top = _top(state)
    if not top.is_dir():
        return
    names = {"pool", *(name for each in keep for name in (each, f"{each}.spare"))}
    for entry in [entry for entry in top.iterdir() if entry.name not in names]:
        private.remove_tree(entry)
    _clear(top / "pool")


def _top(state: Path) -> Path:
    return state / "surroundings"


def _is_inside(path: str, folders: frozenset[str]) -> bool:
    """Whether one of the folders above this file is among them."""
    end = path.find("/")
    while end >= 0:
        if path[:end] in folders:
            return True
        end = path.find("/", end + 1)
    return False


def _pooled(pool: Path, entry: Entry) -> Path:
    return pool / f"{entry.oid}.{entry.mode}"


def _fill_pool(pool: Path, entries: Iterable[Entry], contents: Contents) -> dict[Entry, str]:
    """Write what is missing, or what a script wrote to through a link of it; gives those that cannot be had, and why."""
    missing = iter([entry for entry in dict.fromkeys(entries) if not _is_untouched(_pooled(pool, entry))])
    room = _LARGEST
    left_out: dict[Entry, str] = {}
    while batch := list(islice(missing, _BATCH)):
        blobs, faults = _read(batch, contents)
        left_out |= faults
        room -= sum(map(len, blobs.values()))
        if room < 0:
            _clear(pool)
            remedy = "keep large ones elsewhere and let a script fetch them"
            raise StalledError(f"the files beside the services have more than {_LARGEST:,} bytes; {remedy}")
        for entry in batch:
            if entry in faults:
                continue
            file = _pooled(pool, entry)
            file.unlink(missing_ok=True)
            private.write_file(file, blobs[entry.oid], mode=_FILE_MODES[entry.mode])
            os.utime(file, (_WRITTEN, _WRITTEN))
    return left_out


def _read(batch: list[Entry], contents: Contents) -> tuple[dict[str, bytes], dict[Entry, str]]:
    """All at once; one by one where some are too large, alone or together: no service needs to wait for those."""
    try:
        return dict(contents({entry.oid for entry in batch})), {}
    except StalledError:
        pass
    blobs: dict[str, bytes] = {}
    faults: dict[Entry, str] = {}
    for entry in batch:
        try:
            blobs |= contents({entry.oid})
        except StalledError as fault:
            faults[entry] = str(fault)
    return blobs, faults


def _clear(pool: Path) -> None:
    """Remove what no state has."""
    for file in [file for file in pool.glob("*") if file.stat().st_nlink == 1]:
        file.unlink()


def _place(pooled: Path, target: Path) -> None:
    try:
        target.hardlink_to(pooled)
    except OSError as error:
        if error.errno != errno.EMLINK:
            raise
        shutil.copy2(pooled, target)  # a file as common as the empty one has more places than links may have


def _is_untouched(file: Path) -> bool:
    try:
        return file.stat().st_mtime == _WRITTEN
    except FileNotFoundError:
        return False


def _link(top: Path, files: Mapping[str, Entry], contents: Contents) -> None:
    """Make the links that stay inside the tree."""
    links = {path: entry for path, entry in files.items() if entry.mode is Mode.LINK}
    if not links:
        return
    blobs, _ = _read([*links.values()], contents)
    targets = {path: os.fsdecode(blobs[entry.oid]) for path, entry in links.items() if entry.oid in blobs}
    for path, target in targets.items():
        if not leads_outside(path, targets):
            private.make_folder((top / path).parent)
            (top / path).symlink_to(target)
