"""Components: the folders of the src tree, and which of them are services. PURE."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from operator import itemgetter
from sys import intern

from paiwatch.snapshot import Entry, Tree

DECLARATION = "service.yaml"
"""A component whose deploy folder has this file is a service."""

#: Paths below a component's deploy folder, with their entries. Empty for a component without one.
Deploy = Mapping[str, Entry]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_DEPLOY = "deploy/"
_LOCKED = frozenset({".", "deploy/."})  # entries of folders that may not be read


def components(tree: Tree) -> Mapping[str, Deploy]:
    """Every folder directly in the tree's folder with what its deploy folder holds. One pass over the listing."""
    prefix, skip = tree.prefix, len(tree.prefix)
    found: dict[str, dict[str, Entry]] = {}
    for path, entry in tree.files.items():
        if not path.startswith(prefix):
            continue
        name, slash, below = path[skip:].partition("/")
        if not slash:
            continue
        deploy = found.setdefault(name, {})
        if below in _LOCKED:
            deploy[DECLARATION] = entry  # there may be a service: it must not look as if it were gone
        elif below.startswith(_DEPLOY):
            deploy[intern(below[len(_DEPLOY) :])] = entry  # most services call their files alike
    return found


def components_since(tree: Tree, known: Mapping[str, Deploy], moved: Iterable[str]) -> dict[str, Deploy]:
    """As `components`, from those of an older listing and the paths that are new, gone or another entry since.

    Deploy folders in which nothing changed are the very same objects.
    """
    found = dict(known)
    for name, below in _by_component(tree, moved).items():
        folder = f"{tree.prefix}{name}/"
        if not _LOCKED.isdisjoint(below) or any(folder + shut in tree.files for shut in _LOCKED):
            anew = components(_only(tree, folder))
            if name not in anew:
                found.pop(name, None)
            elif anew[name] != known.get(name):
                found |= anew
            continue
        deploy = dict(known.get(name, {}))
        for path in below:
            if path.startswith(_DEPLOY):
                deploy.pop(path[len(_DEPLOY) :], None)
                if folder + path in tree.files:
                    deploy[path[len(_DEPLOY) :]] = tree.files[folder + path]
        if name not in known or deploy != known[name]:
            found[name] = dict(sorted(deploy.items(), key=itemgetter(0)))
        has_lost = any(folder + path not in tree.files for path in below)
        if has_lost and not deploy and not any(path.startswith(folder) for path in tree.files):
            del found[name]
    return found


def _only(tree: Tree, folder: str) -> Tree:
    """The tree with nothing but the files below this folder."""
    return replace(tree, files={path: entry for path, entry in tree.files.items() if path.startswith(folder)})


def _by_component(tree: Tree, paths: Iterable[str]) -> dict[str, list[str]]:
    """Paths below each component."""
    found: dict[str, list[str]] = {}
    for path in paths:
        if path.startswith(tree.prefix):
            name, slash, below = path[len(tree.prefix) :].partition("/")
            if slash:
                found.setdefault(name, []).append(below)
    return found


def services(found: Mapping[str, Deploy]) -> Mapping[str, Deploy]:
    """Those that are services: their deploy folder has a service.yaml."""
    return {name: deploy for name, deploy in found.items() if DECLARATION in deploy}


def is_usable_name(name: str) -> bool:
    """Whether a service may be called so: it becomes a file name, an argument and a value in scripts."""
    return _NAME.fullmatch(name) is not None
