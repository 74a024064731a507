"""The config side of a look: documents, cluster_cfg, which of its sections changed, and its secrets."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from paiwatch import yamltext
from paiwatch.document import Document
from paiwatch.model import cluster_cfg as models
from paiwatch.model.reads import Sight, fingerprint, secret_values
from paiwatch.problem import Problem, errors
from paiwatch.snapshot import Contents, Entry, Mode, Tree
from paiwatch.survey.components import Components, is_same_tree

#: Parsed files by path, each with the entry it was parsed from.
_Shelf = Mapping[str, tuple[Entry, Document]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """What the configuration says. After an error `sight` and all that follows are those of the last good one, or absent."""

    tree: Tree
    components: Components
    files: _Shelf
    defaults: _Shelf
    problems: tuple[Problem, ...]
    sight: Sight | None
    prints: Mapping[Any, str]  # fingerprint of each section of `sight`
    secrets: Mapping[Any, frozenset[str]]  # of each section that has any

    @property
    def is_broken(self) -> bool:
        """True when nothing may be planned from it."""
        return bool(errors(self.problems))


def survey_configuration(
    tree: Tree,
    components: Components,
    *,
    read_config: Contents,
    read_src: Contents,
    secret: re.Pattern[str],
    before: Configuration | None,
) -> Configuration:
    """The configuration of this tree over the defaults of these components; only changed files are parsed again."""
    if before is not None and components is before.components and is_same_tree(tree, before.tree):
        return before
    files = _parsed(_config_files(tree), read_config, before.files if before else {})
    defaults = _defaults(components, read_src, before)
    if before is not None and files == before.files and defaults == before.defaults:
        return replace(before, tree=tree, components=components)
    cluster_cfg, problems = models.assemble(
        {path.rpartition("/")[2]: document for path, (_, document) in files.items()},
        {name: defaults[path][1] for name, (path, _) in components.defaults.items()},
    )
    same = before.sight if before else None
    now = Configuration(
        tree=tree,
        components=components,
        files=files,
        defaults=defaults,
        problems=problems,
        sight=same,
        prints=before.prints if before else {},
        secrets=before.secrets if before else {},
    )
    return now if errors(problems) else _seen(now, cluster_cfg, secret)


def changed_sections(before: Configuration | None, after: Configuration) -> frozenset[Any]:
    """Top-level keys of cluster_cfg that are new, gone or different."""
    old = before.prints if before else {}
    if old is after.prints:
        return frozenset()
    return frozenset(key for key in old.keys() | after.prints.keys() if old.get(key) != after.prints.get(key))


def _seen(now: Configuration, cluster_cfg: Mapping[Any, Any], secret: re.Pattern[str]) -> Configuration:
    """With the sight of a new good cluster_cfg: what did not change keeps its answers."""
    known = now.sight.cluster_cfg if now.sight else {}
    prints = {
        key: now.prints[key] if key in known and known[key] is value else fingerprint(value)
        for key, value in cluster_cfg.items()
    }
    changed = [key for key, value in prints.items() if now.prints.get(key) != value]
    gone = now.prints.keys() - prints.keys()
    secrets = {key: found for key, found in now.secrets.items() if key in prints}
    for key in changed:
        secrets[key] = secret_values({key: cluster_cfg[key]}, secret)
    sight = now.sight or Sight({}, secret=secret)
    return replace(
        now,
        sight=sight.moved_to(cluster_cfg, {*changed, *gone}),
        prints=prints,
        secrets={key: found for key, found in secrets.items() if found},
    )


def _config_files(tree: Tree) -> dict[str, Entry]:
    """The `*.yaml` files directly in the folder."""
    skip = len(tree.prefix)
    return {
        path: entry
        for path, entry in sorted(tree.files.items())
        if path.endswith(models.SUFFIX) and path.startswith(tree.prefix) and "/" not in path[skip:]
    }


def _defaults(components: Components, read: Contents, before: Configuration | None) -> _Shelf:
    """Without the places of keys: nobody asks for them, and thousands of files have very many."""
    if before is not None and components is before.components:
        return before.defaults
    known = before.defaults if before else {}
    shelf = _parsed(dict(components.defaults.values()), read, known)
    return {
        path: kept if known.get(path) is kept else (kept[0], replace(kept[1], marks={}))
        for path, kept in shelf.items()
    }


def _parsed(entries: Mapping[str, Entry], read: Contents, known: _Shelf) -> _Shelf:
    fresh = {path: entry for path, entry in entries.items() if path not in known or known[path][0] != entry}
    contents = read({entry.oid for entry in fresh.values() if entry.mode is not Mode.SUBMODULE})
    return {
        path: (entry, _document(path, entry, contents)) if path in fresh else known[path]
        for path, entry in entries.items()
    }


def _document(path: str, entry: Entry, contents: Mapping[str, bytes]) -> Document:
    if entry.mode in {Mode.LINK, Mode.SUBMODULE}:
        problem = Problem(
            file=path, message="is a symbolic link or a submodule", remedy="put the file itself here"
        )
        return Document(file=path, value=None, problems=(problem,))
    return yamltext.parse(contents[entry.oid], file=path, dialect=yamltext.Dialect.STRICT)
