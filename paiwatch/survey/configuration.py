"""The config side of a look: documents, cluster_cfg, which of its sections changed, and its secrets."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from paiwatch.catalog import refused
from paiwatch.differing import differing
from paiwatch.documents import yamltext
from paiwatch.documents.document import Document
from paiwatch.documents.nesting import MAX_DEPTH
from paiwatch.model import cluster_cfg as models
from paiwatch.model.doubts import Doubt
from paiwatch.model.openpai.assemble import Model
from paiwatch.model.reads import Sight, fingerprint, secret_values
from paiwatch.problem import Problem, errors
from paiwatch.snapshot import Contents, Entry, Mode, Tree
from paiwatch.survey.components import Components, is_same_tree
from paiwatch.survey.openpai import FILES, Pass, survey_model

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
    last_pass: Pass | None = None  # of the parsers of an OpenPAI tree

    @property
    def is_broken(self) -> bool:
        """True when nothing may be planned from it. An error of one component concerns only who reads its section."""
        return any(not problem.service for problem in errors(self.problems))


def survey_configuration(
    tree: Tree,
    components: Components,
    *,
    read_config: Contents,
    read_src: Contents,
    secret: re.Pattern[str],
    parser_timeout: float,
    before: Configuration | None,
) -> Configuration:
    """The configuration of this tree over the defaults of these components; only changed files are parsed again."""
    if before is not None and components is before.components and is_same_tree(tree, before.tree):
        return before
    if before is not None and before.components.is_openpai != components.is_openpai:
        before = replace(
            before, files={}, defaults={}, last_pass=None
        )  # another model reads the files in another way
    known = before.files if before else {}
    placed = MAX_DEPTH if components.is_openpai else 1  # the plain model tells of sections only
    listed = _config_files(tree, before, is_openpai=components.is_openpai)
    files = _parsed(listed, read_config, known, placed)
    defaults = _defaults(components, read_src, before)
    is_same = before is not None and files == before.files and defaults == before.defaults
    if is_same and before is not None and not components.is_openpai:
        return replace(before, tree=tree, components=components)
    documents = {path.rpartition("/")[2]: document for path, (_, document) in files.items()}
    by_component = {name: defaults[path][1] for name, (path, _) in components.defaults.items()}
    if components.is_openpai:
        model, last_pass = survey_model(
            tree,
            components,
            documents,
            by_component,
            read_config=read_config,
            read_src=read_src,
            secret=secret,
            seconds=parser_timeout,
            before=before.last_pass if before else None,
        )
    else:
        cluster_cfg, problems = models.assemble(documents, by_component)
        model, last_pass = Model(cluster_cfg=cluster_cfg, problems=problems, doubts=()), None
    same = before.sight if before else None
    now = Configuration(
        tree=tree,
        components=components,
        files=files,
        defaults=defaults,
        problems=model.problems,
        sight=same,
        prints=before.prints if before else {},
        secrets=before.secrets if before else {},
        last_pass=last_pass,
    )
    return now if now.is_broken else _seen(now, model, secret)


def changed_sections(before: Configuration | None, after: Configuration) -> frozenset[Any]:
    """Top-level keys of cluster_cfg that are new, gone or different."""
    old = before.prints if before else {}
    if old is after.prints:
        return frozenset()
    return frozenset(key for key in old.keys() | after.prints.keys() if old.get(key) != after.prints.get(key))


def _seen(now: Configuration, model: Model, secret: re.Pattern[str]) -> Configuration:
    """With the sight of a new good cluster_cfg: what did not change keeps its answers."""
    cluster_cfg = model.cluster_cfg
    known = now.sight.cluster_cfg if now.sight else {}
    prints = {
        key: now.prints[key] if key in known and known[key] is value else fingerprint(value)
        for key, value in cluster_cfg.items()
    }
    for section, marks in _marks(model.doubts).items():
        prints[section] = fingerprint((cluster_cfg.get(section), marks))
    changed = [key for key, value in prints.items() if now.prints.get(key) != value]
    secrets = {key: found for key, found in now.secrets.items() if key in prints}
    for key in changed:
        secrets[key] = secret_values({key: cluster_cfg.get(key)}, secret)
    sight = now.sight or Sight({}, secret=secret)
    hidden = frozenset[str]().union(*secrets.values())
    return replace(
        now,
        sight=sight.moved_to(cluster_cfg, hidden=hidden, doubts=model.doubts),
        prints=prints,
        secrets={key: found for key, found in secrets.items() if found},
    )


def _marks(doubts: Iterable[Doubt]) -> dict[Any, list[str]]:
    """What is doubtful, by section: a section that is doubted in another way is another section."""
    marks: dict[Any, list[str]] = {}
    for doubt in doubts:
        marks.setdefault(doubt.path[0], []).append(doubt.mark)
    return marks


def _config_files(tree: Tree, before: Configuration | None, *, is_openpai: bool) -> Mapping[str, Entry]:
    """The `*.yaml` files directly in the folder; of an OpenPAI configuration the two that count."""
    prefix = tree.prefix

    def counts(path: str) -> bool:
        if not path.endswith(models.SUFFIX) or not path.startswith(prefix):
            return False
        name = path[len(prefix) :]
        return name in FILES if is_openpai else "/" not in name

    is_comparable = before is not None and (before.components.is_openpai, before.tree.prefix) == (
        is_openpai,
        prefix,
    )
    if (
        before is not None
        and is_comparable
        and not any(map(counts, differing(before.tree.files, tree.files)))
    ):
        return {path: entry for path, (entry, _) in before.files.items()}
    return dict(sorted((path, entry) for path, entry in tree.files.items() if counts(path)))


def _defaults(components: Components, read: Contents, before: Configuration | None) -> _Shelf:
    """Without the places of keys: nobody asks for them, and thousands of files have very many."""
    if before is not None and components.defaults is before.components.defaults:
        return before.defaults
    known = before.defaults if before else {}
    return _parsed(dict(components.defaults.values()), read, known, 0)


def _parsed(entries: Mapping[str, Entry], read: Contents, known: _Shelf, placed: int) -> _Shelf:
    fresh = {path: entry for path, entry in entries.items() if path not in known or known[path][0] != entry}
    contents = read({entry.oid for entry in fresh.values() if entry.mode.has_content})
    return {
        path: (entry, _document(path, entry, contents, placed)) if path in fresh else known[path]
        for path, entry in entries.items()
    }


def _document(path: str, entry: Entry, contents: Mapping[str, bytes], placed: int) -> Document:
    if found := refused.fault(entry):
        problem = Problem(file=path, message=found[0], remedy=found[1])
        return Document(file=path, value=None, problems=(problem,))
    if entry.mode in {Mode.LINK, Mode.SUBMODULE}:
        problem = Problem(
            file=path, message="is a symbolic link or a submodule", remedy="put the file itself here"
        )
        return Document(file=path, value=None, problems=(problem,))
    return yamltext.parse(contents[entry.oid], file=path, dialect=yamltext.Dialect.OPENPAI, placed=placed)
