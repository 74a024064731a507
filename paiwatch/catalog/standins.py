"""Files that only stand for others: Git LFS pointers, submodules, links. Nothing is fetched for them, so they are told of. PURE."""

from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase

from paiwatch.catalog import paths
from paiwatch.problem import Problem, Severity
from paiwatch.snapshot import Entry, Mode, Tree

ATTRIBUTES = ".gitattributes"

FOLLOW = "write 'submodules: on' into config.yaml (and no 'update = none' into .gitmodules)"
"""How the files of a submodule come into the tree."""

_POINTER = b"version https://git-lfs.github.com/spec/"
_LARGEST_POINTER = 1024  # bytes; see the Git LFS specification

#: Folder of the file that says so (with a slash at its end, "" for the root), and which files below it are in LFS.
Patterns = tuple[tuple[str, str], ...]


def attribute_files(tree: Tree) -> dict[str, Entry]:
    """Where git is told what to do with files."""
    return {
        path: entry
        for path, entry in tree.files.items()
        if path.endswith(ATTRIBUTES) and path.rpartition("/")[2] == ATTRIBUTES and _is_plain(entry)
    }


def lfs_patterns(attributes: Mapping[str, bytes]) -> Patterns:
    """What these attribute files, by path, give to Git LFS."""
    found = []
    for path, content in sorted(attributes.items()):
        for line in content.decode(errors="replace").splitlines():
            pattern, *words = line.split() or [""]
            if "filter=lfs" in words:
                found.append((path.removesuffix(ATTRIBUTES), pattern))
    return tuple(found)


def may_be_pointers(patterns: Patterns, deploy: str, entries: Mapping[str, Entry]) -> dict[str, Entry]:
    """The files of a deploy folder that some pattern means. `*` is taken to match "/" too: contents decide in the end."""
    near = [
        (folder, pattern)
        for folder, pattern in patterns
        if f"{deploy}/".startswith(folder) or folder.startswith(deploy)
    ]
    return {
        path: entry
        for path, entry in entries.items()
        if near and _is_plain(entry) and any(_is_meant(f"{deploy}/{path}", *each) for each in near)
    }


def is_pointer(content: bytes) -> bool:
    """Whether this is what Git LFS puts in the place of a file."""
    return len(content) <= _LARGEST_POINTER and content.startswith(_POINTER)


def pointer_problem(service: str, file: str) -> Problem:
    """A pointer in a deploy folder: to run it would be nonsense."""
    return Problem(
        file=paths.shown(file),
        message="is a Git LFS pointer, not the file itself, and LFS is not followed",
        remedy="put the file itself into the repository (git lfs untrack, then git add --renormalize), or let a script fetch it",
        service=service,
    )


def submodule_problems(tree: Tree) -> Iterator[Problem]:
    """Submodules among the components but outside of deploy folders, where they are an error: a warning each."""
    for path, entry in tree.files.items():
        if entry.mode is Mode.SUBMODULE and path.startswith(tree.prefix):
            component, _, below = path[len(tree.prefix) :].partition("/")
            if not below.startswith("deploy/"):
                yield Problem(
                    file=paths.shown(path),
                    severity=Severity.WARNING,
                    message="is a git submodule that is not followed, so there is nothing here for scripts",
                    remedy=f"put its files into the tree, or {FOLLOW}",
                    service=paths.shown(component) if below else "",
                )


def link_problems(tree: Tree) -> Iterator[Problem]:
    """Links in the place of a component or of its deploy folder: what they lead to is no service. A warning each."""
    for path, entry in tree.files.items():
        if entry.mode is Mode.LINK and tree.prefix and path.startswith(tree.prefix):
            component, _, below = path[len(tree.prefix) :].partition("/")
            if below == "deploy" or (not below and "." not in component):
                yield Problem(
                    file=paths.shown(path),
                    severity=Severity.WARNING,
                    message=f"is a symbolic link, and links are not followed: '{paths.shown(component)}' is no service",
                    remedy="put the folder itself there",
                    service=paths.shown(component),
                )


def _is_plain(entry: Entry) -> bool:
    return entry.mode in {Mode.FILE, Mode.EXECUTABLE}


def _is_meant(path: str, folder: str, pattern: str) -> bool:
    if not path.startswith(folder):
        return False
    below = path[len(folder) :]
    if "/" not in pattern:
        return fnmatchcase(below.rpartition("/")[2], pattern)
    return fnmatchcase(below, pattern.removeprefix("/").replace("**/", "*"))
