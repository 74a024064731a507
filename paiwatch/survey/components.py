"""The src side of a look: which services there are, and each component's defaults."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from paiwatch import yamltext
from paiwatch.catalog import catalog as catalogs
from paiwatch.catalog import components as folders
from paiwatch.catalog import openpai as openpai_services
from paiwatch.catalog import standins
from paiwatch.catalog.catalog import Catalog, Declared
from paiwatch.catalog.components import DECLARATION, Deploy
from paiwatch.catalog.files import link_oids
from paiwatch.catalog.standins import Patterns
from paiwatch.catalog.watch import Watched, Watcher
from paiwatch.document import Document
from paiwatch.model.openpai import tree as openpai_tree
from paiwatch.problem import Problem, Severity
from paiwatch.snapshot import Contents, Entry, Tree


@dataclass(frozen=True, slots=True, kw_only=True)
class Components:
    """All of one src tree but its releases. Values of unchanged services are the very objects of the look before."""

    tree: Tree
    deploys: Mapping[str, Deploy]
    declared: Mapping[str, Declared]
    catalog: Catalog
    defaults: Mapping[str, tuple[str, Entry]]  # by component: path and entry of its config/<component>.yaml
    watched: Mapping[str, Watched]  # of the services that watch anything
    blind: tuple[Problem, ...] = ()  # patterns that match nothing, submodules that bring nothing
    attributes: Mapping[str, Entry]  # the .gitattributes files
    lfs: Patterns  # what they give to Git LFS
    parsers: Mapping[str, Entry]  # by component: its parser; empty in the plain model
    is_openpai: bool


def survey_components(
    tree: Tree,
    read: Contents,
    before: Components | None,
    *,
    openpai: bool | None = False,
    dangling: Severity = Severity.WARNING,
) -> Components:
    """The components of this tree; only services whose deploy folder changed are read and declared again.

    `openpai` None leaves it to the tree: with parsers it is OpenPAI's. `dangling` is the same at every look.
    """
    if before is not None and is_same_tree(tree, before.tree):
        return before
    parsers = {} if openpai is False else openpai_tree.parsers(tree)
    is_openpai = bool(parsers) if openpai is None else openpai
    if before is not None and before.is_openpai != is_openpai:
        before = None
    attributes, lfs = _lfs(tree, read, before)
    if before is not None and before.lfs != lfs:
        before = None
    deploys = _deploys(tree, before)
    declared = _declare(tree, deploys, read, before, is_openpai=is_openpai, lfs=lfs)
    if before is not None and declared == before.declared and deploys.keys() == before.deploys.keys():
        catalog = before.catalog
    else:
        catalog = catalogs.assemble(declared, folders=deploys.keys(), dangling=dangling)
    watched, blind = _watch(tree, catalog, before)
    return Components(
        tree=tree,
        deploys=deploys,
        declared=declared,
        catalog=catalog,
        defaults=_defaults(tree, deploys),
        watched=watched,
        blind=(*blind, *standins.submodule_problems(tree)),
        attributes=attributes,
        lfs=lfs,
        parsers=parsers,
        is_openpai=is_openpai,
    )


def is_same_tree(tree: Tree, other: Tree) -> bool:
    """Equal revisions of one folder have equal files."""
    return (tree.revision.id, tree.folder) == (other.revision.id, other.folder)


def _deploys(tree: Tree, before: Components | None) -> dict[str, Deploy]:
    """Every component's deploy folder: the object of the look before where nothing in it changed."""
    deploys: dict[str, Deploy] = dict(folders.components(tree))
    if before is not None and tree.prefix == before.tree.prefix:
        for name, deploy in deploys.items():
            known = before.deploys.get(name)
            if known is not None and known == deploy:
                deploys[name] = known
    return deploys


def _lfs(tree: Tree, read: Contents, before: Components | None) -> tuple[dict[str, Entry], Patterns]:
    """The attribute files, and what they give to Git LFS."""
    attributes = standins.attribute_files(tree)
    if before is not None and before.attributes == attributes:
        return attributes, before.lfs
    contents = read({entry.oid for entry in attributes.values()}) if attributes else {}
    return attributes, standins.lfs_patterns(
        {path: contents[entry.oid] for path, entry in attributes.items()}
    )


def _declare(
    tree: Tree,
    deploys: Mapping[str, Deploy],
    read: Contents,
    before: Components | None,
    *,
    is_openpai: bool,
    lfs: Patterns,
) -> dict[str, Declared]:
    """All services; of an OpenPAI tree those for its kind of cluster, read as leniently as paictl reads them."""
    found = folders.services(deploys)
    kept: dict[str, Declared] = {}
    if before is not None:
        kept = {
            name: before.declared[name]
            for name in found
            if before.deploys.get(name) is deploys[name] and name in before.declared
        }
    fresh = {name: deploy for name, deploy in found.items() if name not in kept}
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
    every = {name: kept.get(name) or declared[name] for name in sorted(found)}
    return {name: one for name, one in every.items() if not is_openpai or openpai_services.is_for_k8s(one)}


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
    tree: Tree, catalog: Catalog, before: Components | None
) -> tuple[dict[str, Watched], tuple[Problem, ...]]:
    """What each service watches: the object of the look before where nothing of it changed."""
    watcher = Watcher(tree.files)
    known = before.watched if before else {}
    watched: dict[str, Watched] = {}
    blind: list[Problem] = []
    for name, service in catalog.services.items():
        if service.watch:
            found = watcher.find(service.watch, deploy=service.deploy)
            watched[name] = known[name] if known.get(name) == found else found
            blind += catalogs.blind_patterns(service, watcher, prefix=tree.prefix)
    return watched, tuple(blind)


def _defaults(tree: Tree, deploys: Mapping[str, Deploy]) -> dict[str, tuple[str, Entry]]:
    paths = {name: f"{tree.prefix}{name}/config/{name}.yaml" for name in sorted(deploys)}
    return {name: (path, tree.files[path]) for name, path in paths.items() if path in tree.files}
