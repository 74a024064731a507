"""Builders of component folders: texts by path, `-> target` for symbolic links."""

from collections.abc import Mapping

from paiwatch.catalog.catalog import Catalog, assemble, declare
from paiwatch.catalog.components import Deploy, components, services
from paiwatch.documents.document import Document
from paiwatch.documents.yamltext import Dialect, parse
from paiwatch.snapshot import Entry, Mode, Revision, Tree, blob_id

START = "start-script: start.sh\n"
"""The shortest service.yaml."""


def an_entry(text: str) -> Entry:
    """A file, or a link when the text is `-> target`, or a submodule when it is `submodule`."""
    if text == "submodule":
        return Entry(Mode.SUBMODULE, "0" * 40)
    if text.startswith("-> "):
        return Entry(Mode.LINK, blob_id(text[3:].encode()))
    return Entry(Mode.FILE, blob_id(text.encode()))


def entries(files: Mapping[str, str]) -> dict[str, Entry]:
    """A listing of these files."""
    return {path: an_entry(text) for path, text in files.items()}


def links(files: Mapping[str, str]) -> dict[str, bytes]:
    """The targets of the links among these files, by content id."""
    return {
        blob_id(text[3:].encode()): text[3:].encode() for text in files.values() if text.startswith("-> ")
    }


def a_tree(files: Mapping[str, str], folder: str = "src") -> Tree:
    """A tree of these files."""
    return Tree(revision=Revision(id="d" * 40), folder=folder, files=entries(files))


def read_catalog(
    prefix: str, found: Mapping[str, Deploy], documents: Mapping[str, Document], links: Mapping[str, bytes]
) -> Catalog:
    """The catalog of these components. `prefix` is the tree's, `documents` has each service's parsed service.yaml by
    name, `links` the targets of symbolic links by content id.
    """
    declared = {
        name: declare(name, f"{prefix}{name}", documents[name], deploy, links)
        for name, deploy in sorted(services(found).items())
    }
    return assemble(declared, folders=found.keys())


def a_catalog(services: Mapping[str, str | Mapping[str, str]], *, folder: str = "src") -> Catalog:
    """The catalog of services given by their service.yaml, or by all files of their deploy folder."""
    files: dict[str, str] = {}
    for name, given in services.items():
        deploy = {"start.sh": "true", "service.yaml": given} if isinstance(given, str) else given
        files |= {f"{folder}/{name}/deploy/{path}": text for path, text in deploy.items()}
    tree = a_tree(files, folder)
    return read_catalog(
        tree.prefix,
        components(tree),
        {
            name: parse(
                files.get(f"{folder}/{name}/deploy/service.yaml", ""),
                file=f"{folder}/{name}/deploy/service.yaml",
                dialect=Dialect.STRICT,
            )
            for name in services
        },
        links(files),
    )
