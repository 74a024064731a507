"""Snapshot: the config tree and the src tree at one instant. PURE.

A tree is a listing (paths, modes, content ids), not contents; bytes are asked for by id when needed.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

#: What one file may have, in bytes (it is taken into memory), and its path, in bytes and in folders (stages lie deep themselves).
LARGEST, LONGEST, DEEPEST = 100 << 20, 1024, 200

#: Gives the bytes of blobs by content id. Ids that cannot be read raise TransientError.
Contents = Callable[[Iterable[str]], Mapping[str, bytes]]


class Mode(StrEnum):
    """What git knows of a file's kind: the four that a tree can hold; and that a live directory's file may not be read, or
    is not taken since it is too large or lies too deep.
    """

    FILE = "100644"
    EXECUTABLE = "100755"
    LINK = "120000"
    SUBMODULE = "160000"
    UNREADABLE = "000000"
    REFUSED = "000001"

    @property
    def has_content(self) -> bool:
        """Whether its bytes can be asked for."""
        return self not in {Mode.SUBMODULE, Mode.UNREADABLE, Mode.REFUSED}


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of a tree: its kind, and its content's git blob id (40 hex; of a link: the id of its target text)."""

    mode: Mode
    oid: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """One state of one source: `id` is a commit (40 hex) or, for a live directory, its tree id.

    `author`, `subject` and `at` (epoch seconds) describe a commit; a live directory has the subject "files in <folder>".
    """

    id: str
    author: str = ""
    subject: str = ""
    at: float = 0.0

    @property
    def short(self) -> str:
        """The eight characters people compare by eye."""
        return self.id[:8]


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """One commit among others: who and what, and the files it changed: content ids before and after ("": not there)."""

    revision: Revision
    changes: Mapping[str, tuple[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """One source at one revision. `files` maps paths from the tree's root (POSIX, never absolute) to entries.

    `folder` is where the components (or the configuration files) lie in it: "." or a path without "./". A folder that
    may not be read, or is refused, is an entry "path/.".
    """

    revision: Revision
    folder: str
    files: Mapping[str, Entry]

    @property
    def prefix(self) -> str:
        """What paths inside `folder` begin with: "" or "folder/"."""
        return "" if self.folder in {"", "."} else f"{self.folder}/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """Config and src as one; a plan never mixes two."""

    config: Tree
    src: Tree

    @property
    def ids(self) -> tuple[str, str]:
        """Config id and src id: equal ids mean an equal snapshot."""
        return (self.config.revision.id, self.src.revision.id)


def blob_id(content: bytes) -> str:
    """Git's name for these bytes, so that a live directory and a repository name equal files alike."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()
