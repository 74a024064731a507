"""Names: which paths of a commit can be files here. Git writes what it is told into a tree; a checkout refuses the rest. Pure."""

import os
from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator
from itertools import takewhile

_LONGEST_NAME = 255  # bytes, as every file system has it
_LONGEST_PATH = 1024  # bytes; stages and archives lie deep themselves, and the kernel takes 4096 in all
_SHORT = 63  # characters that fit into a name whatever they are

#: Names that lead elsewhere, or to what git and its hooks believe; compared in lower case, as git compares them.
_RESERVED = frozenset({"", ".", "..", ".git", "git~1"})


def fault(files: Collection[str], fresh: Iterable[str]) -> str:
    """What is wrong with the first of the `fresh` paths that can be no file, "" if all can. `files` are all, in order.

    Where all but those were looked at before, nothing else can be wrong.
    """
    return next(_faults(files, fresh), "")


def _faults(files: Collection[str], fresh: Iterable[str]) -> Iterator[str]:
    folders: set[str] = set()
    latest = ""
    paths: list[str] | None = None
    for path in fresh:
        if _is_odd(path) and (why := _oddity(path)):
            yield why
        folder = path.rpartition("/")[0]
        if folder != latest:
            folders.update(_above(path, folders))
            latest = folder
        if fresh is not files:
            paths = paths or list(files)
            at = bisect_left(paths, f"{path}/")
            folders.update((path,) if at < len(paths) and paths[at].startswith(f"{path}/") else ())
    for both in sorted(folders.intersection(files)):
        yield f"{_shown(both)} as a file and as a folder"


def _above(path: str, known: Collection[str]) -> Iterator[str]:
    """The folders that this path lies in, inner before outer, up to one that is known."""
    ends = (end for end in range(len(path) - 1, 0, -1) if path[end] == "/")
    return takewhile(lambda folder: folder not in known, (path[:end] for end in ends))


def _is_odd(path: str) -> bool:
    """Whether a closer look is worth it: nearly all paths need none."""
    return (
        path[:1] in {"", ".", "/"}
        or "/." in path
        or "//" in path
        or path[-1] == "/"
        or "~1" in path
        or len(path) > (_LONGEST_NAME if path.isascii() else _SHORT)
    )


def _oddity(path: str) -> str:
    if any(name.lower() in _RESERVED for name in path.split("/")):
        return f"{_shown(path)}, a name that leads out of the tree or into git's own files"
    if any(len(os.fsencode(name)) > _LONGEST_NAME for name in path.split("/")):
        return f"{_shown(path)}, a name of more than {_LONGEST_NAME} bytes"
    if len(os.fsencode(path)) > _LONGEST_PATH:
        return f"{_shown(path)}, a path of more than {_LONGEST_PATH:,} bytes"
    return ""


def _shown(path: str) -> str:
    return repr(path if len(path) <= 80 else f"{path[:40]}…{path[-30:]}")
