"""Components: the folders of the src tree, and which of them are services. PURE."""

import re
from collections.abc import Mapping
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


def services(found: Mapping[str, Deploy]) -> Mapping[str, Deploy]:
    """Those that are services: their deploy folder has a service.yaml."""
    return {name: deploy for name, deploy in found.items() if DECLARATION in deploy}


def is_usable_name(name: str) -> bool:
    """Whether a service may be called so: it becomes a file name, an argument and a value in scripts."""
    return _NAME.fullmatch(name) is not None
