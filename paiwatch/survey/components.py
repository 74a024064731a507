"""The src side of a look: which services there are, and each component's defaults."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from paiwatch.catalog import catalog as catalogs
from paiwatch.catalog import components as folders
from paiwatch.catalog import openpai as openpai_services
from paiwatch.catalog import standins
from paiwatch.catalog.catalog import Catalog, Declared
from paiwatch.catalog.components import DECLARATION, Deploy
from paiwatch.catalog.files import link_oids
from paiwatch.catalog.standins import Patterns
from paiwatch.catalog.watch import Watched, Watcher
from paiwatch.differing import differing, renewed
from paiwatch.documents import yamltext
from paiwatch.documents.document import Document
from paiwatch.model.openpai import tree as openpai_tree
from paiwatch.problem import Problem, Severity
from paiwatch.snapshot import Contents, Entry, Mode, Tree


@dataclass(frozen=True, slots=True, kw_only=True)
class Components:
    """All of one src tree but its releases. Values of unchanged services are the very objects of the look before."""

    tree: Tree
    deploys: Mapping[str, Deploy]
    declared: Mapping[str, Declared]
    catalog: Catalog
    defaults: Mapping[str, tuple[str, Entry]]  # by component: path and entry of its config/<component>.yaml
    watched: Mapping[str, Watched]  # of the services that watch anything
    blind: tuple[Problem, ...] = ()  # patterns that match nothing
    submodules: tuple[Problem, ...] = ()  # those that bring nothing
    attributes: Mapping[str, Entry]  # the .gitattributes files
    lfs: Patterns  # what they give to Git LFS
    parsers: Mapping[str, Entry]  # by component: its parser; empty in the plain model
    is_openpai: bool

    @property
    def warnings(self) -> tuple[Problem, ...]:
        """What is told of the tree and holds nothing up."""
        return (*self.blind, *self.submodules)


@dataclass(frozen=True, slots=True)
class _Since:
    """The look before, and the paths that are new, gone or another entry since."""

    before: Components
    moved: tuple[str, ...]

    def spares(self, concerns: Callable[[str], bool]) -> bool:
        """Whether no path of this kind moved."""
        return not any(map(concerns, self.moved))


def survey_components(
    tree: Tree,
    read: Contents,
    before: Components | None,
    *,
    openpai: bool | None = False,
    dangling: Severity = Severity.WARNING,
) -> Components:
    """The components of this tree; only services whose deploy folder changed are read and declared again.

    `openpai` None leaves it to the tree: with parsers it is OpenPAI's. Both and `dangling` are the same at every look.
    """
    if before is not None and is_same_tree(tree, before.tree):
        return before
    since = _since(tree, before)
    parsers = {} if openpai is False else _parsers(tree, since)
    is_openpai = bool(parsers) if openpai is None else openpai
    if since is not None and since.before.is_openpai != is_openpai:
        since = None
    attributes, lfs = _lfs(tree, read, since)
    if since is not None and since.before.lfs != lfs:
        since = None
    deploys = _deploys(tree, since)
    declared = _declare(tree, deploys, read, since, is_openpai=is_openpai, lfs=lfs)
    catalog = _catalog(declared, deploys, since, dangling)
    watched, blind = _watch(tree, catalog, since)
    return Components(
        tree=tree,
        deploys=deploys,
        declared=declared,
        catalog=catalog,
        defaults=_defaults(tree, deploys, since),
        watched=watched,
        blind=blind,
        submodules=_submodules(tree, since),
        attributes=attributes,
        lfs=lfs,
        parsers=parsers,
        is_openpai=is_openpai,
    )


def is_same_tree(tree: Tree, other: Tree) -> bool:
    """Equal revisions of one folder have equal files."""
    return (tree.revision.id, tree.folder) == (other.revision.id, other.folder)


def _since(tree: Tree, before: Components | None) -> _Since | None:
    """None when there is nothing to compare with."""
    if before is None or before.tree.prefix != tree.prefix:
        return None
    return _Since(before, tuple(differing(before.tree.files, tree.files)))


def _parsers(tree: Tree, since: _Since | None) -> Mapping[str, Entry]:
    if since is not None and since.spares(lambda path: path.endswith(".py")):
        return since.before.parsers
    return openpai_tree.parsers(tree)


def _submodules(tree: Tree, since: _Since | None) -> tuple[Problem, ...]:
    if since is not None:
        entries = (files.get(path) for files in (since.before.tree.files, tree.files) for path in since.moved)
        if not any(entry is not None and entry.mode in {Mode.SUBMODULE, Mode.LINK} for entry in entries):
            return since.before.submodules
    return (*standins.submodule_problems(tree), *standins.link_problems(tree))


def _deploys(tree: Tree, since: _Since | None) -> dict[str, Deploy]:
    """Every component's deploy folder: the object of the look before where nothing in it changed."""
    if since is None:
        return dict(folders.components(tree))
    return folders.components_since(tree, since.before.deploys, since.moved)


def _lfs(tree: Tree, read: Contents, since: _Since | None) -> tuple[Mapping[str, Entry], Patterns]:
    """The attribute files, and what they give to Git LFS."""
    if since is not None and since.spares(lambda path: path.endswith(standins.ATTRIBUTES)):
        return since.before.attributes, since.before.lfs
    attributes = standins.attribute_files(tree)
    contents = read({entry.oid for entry in attributes.values()}) if attributes else {}
    return attributes, standins.lfs_patterns(
        {path: contents[entry.oid] for path, entry in attributes.items()}
    )


def _catalog(
    declared: Mapping[str, Declared], deploys: Mapping[str, Deploy], since: _Since | None, dangling: Severity
) -> Catalog:
    """The one of the look before while every declaration is equal, though the files beside it may differ."""
    if (
        since is not None
        and declared == since.before.declared
        and deploys.keys() == since.before.deploys.keys()
    ):
        return since.before.catalog
    return catalogs.assemble(declared, folders=deploys.keys(), dangling=dangling)


def _declare(
    tree: Tree,
    deploys: Mapping[str, Deploy],
    read: Contents,
    since: _Since | None,
    *,
    is_openpai: bool,
    lfs: Patterns,
) -> dict[str, Declared]:
    """All services; of an OpenPAI tree those for its kind of cluster, read as leniently as paictl reads them."""
    moved = differing(since.before.deploys if since else {}, deploys)
    fresh = folders.services({name: deploys[name] for name in moved if name in deploys})
    contents = read({oid for deploy in fresh.values() for oid in _wanted(deploy)})
    declared = {name: _declared(tree, name, deploy, contents) for name, deploy in fresh.items()}
    if is_openpai:
        declared = {
            name: openpai_services.forgiven(one, fresh[name], contents) for name, one in declared.items()
        }
    if lfs:
        declared = {
            name: _without_pointers(tree, one, fresh[name], read, lfs) for name, one in declared.items()
        }
    if is_openpai:
        declared = {name: one for name, one in declared.items() if openpai_services.is_for_k8s(one)}
    return renewed(since.before.declared if since else {}, moved, declared)


def _without_pointers(tree: Tree, one: Declared, deploy: Deploy, read: Contents, lfs: Patterns) -> Declared:
    """The same, with a problem for each Git LFS pointer in the deploy folder."""
    folder = f"{tree.prefix}{one.name}/deploy"
    suspects = standins.may_be_pointers(lfs, folder, deploy)
    contents = read({entry.oid for entry in suspects.values()}) if suspects else {}
    found = [
        standins.pointer_problem(one.name, f"{folder}/{path}")
        for path, entry in suspects.items()
        if standins.is_pointer(contents[entry.oid])
    ]
    return replace(one, problems=tuple(sorted((*one.problems, *found)))) if found else one


def _wanted(deploy: Deploy) -> frozenset[str]:
    declaration = deploy[DECLARATION]
    own = frozenset({declaration.oid}) if declaration.mode.has_content else frozenset()
    return own | link_oids(deploy) | openpai_services.refresh_oids(deploy)


def _declared(tree: Tree, name: str, deploy: Deploy, contents: Mapping[str, bytes]) -> Declared:
    folder = f"{tree.prefix}{name}"
    file = f"{folder}/deploy/{DECLARATION}"
    content = contents.get(deploy[DECLARATION].oid)
    document = Document(file=file, value=None)
    if content is not None:
        document = yamltext.parse(content, file=file, dialect=yamltext.Dialect.STRICT)
    return catalogs.declare(name, folder, document, deploy, contents)


def _watch(
    tree: Tree, catalog: Catalog, since: _Since | None
) -> tuple[Mapping[str, Watched], tuple[Problem, ...]]:
    """What each service watches: the object of the look before where nothing of it changed."""
    if since is not None and catalog is since.before.catalog and not since.before.watched:
        return since.before.watched, since.before.blind  # nobody watches anything
    watcher = Watcher(tree.files)
    known = since.before.watched if since else {}
    watched: dict[str, Watched] = {}
    blind: list[Problem] = []
    for name, service in catalog.services.items():
        if service.watch:
            found = watcher.find(service.watch, deploy=service.deploy)
            watched[name] = known[name] if known.get(name) == found else found
            blind += catalogs.blind_patterns(service, watcher, prefix=tree.prefix)
    return watched, tuple(blind)


def _is_configuration(path: str) -> bool:
    return "/config/" in path


def _defaults(
    tree: Tree, deploys: Mapping[str, Deploy], since: _Since | None
) -> Mapping[str, tuple[str, Entry]]:
    if since is not None and since.spares(_is_configuration):
        return since.before.defaults
    paths = {name: f"{tree.prefix}{name}/config/{name}.yaml" for name in sorted(deploys)}
    return {name: (path, tree.files[path]) for name, path in paths.items() if path in tree.files}
