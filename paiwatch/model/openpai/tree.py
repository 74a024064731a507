"""Which components of an OpenPAI tree have parsers, and which files these may read. PURE."""

import re
from collections.abc import Mapping

from paiwatch.parsers.naming import module_name
from paiwatch.snapshot import Entry, Mode, Tree

_FILES = frozenset({Mode.FILE, Mode.EXECUTABLE})
_OWN_DEPLOY = re.compile(rb"deploy((?:/[A-Za-z0-9_.-]+)*)")


def parsers(tree: Tree) -> Mapping[str, Entry]:
    """Components that have a parser, with its file: `rest-server` has `rest-server/config/rest_server.py`."""
    prefix, skip = tree.prefix, len(tree.prefix)
    found: dict[str, Entry] = {}
    for path, entry in tree.files.items():
        if path.endswith(".py") and path.startswith(prefix) and entry.mode in _FILES:
            component, _, below = path[skip:].partition("/")
            if below == f"config/{module_name(component)}.py":
                found[component] = entry
    return dict(sorted(found.items()))


def inputs(tree: Tree, sources: Mapping[str, bytes]) -> dict[str, Entry]:
    """All that parsers may read, by path below the tree's folder.

    That is the config folder of every component, and of a component with a parser (`sources` has their texts) what the
    parser names of its own deploy folder.
    """
    prefix, skip = tree.prefix, len(tree.prefix)
    named = {component: _named(source) for component, source in sources.items()}
    found: dict[str, Entry] = {}
    for path, entry in sorted(tree.files.items()):
        if not path.startswith(prefix) or entry.mode not in _FILES:
            continue
        component, _, below = path[skip:].partition("/")
        if below.startswith("config/") or _is_named(below, named.get(component, ())):
            found[path[skip:]] = entry
    return found


def _named(source: bytes) -> tuple[str, ...]:
    """`deploy/alert-templates` for a parser that lists '../../deploy/alert-templates'."""
    return tuple(sorted({match[0].decode() for match in _OWN_DEPLOY.finditer(source)}))


def _is_named(below: str, named: tuple[str, ...]) -> bool:
    return any(below == one or below.startswith(f"{one}/") for one in named)
