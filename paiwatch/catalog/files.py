"""A declared service against the files of its deploy folder: templates, scripts, links. PURE.

It looks at names, kinds and link targets only; what is in the files is for releases.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from paiwatch.catalog import paths
from paiwatch.catalog.service import Operator, Service
from paiwatch.catalog.standins import FOLLOW
from paiwatch.documents import shape
from paiwatch.documents.document import Document, Path
from paiwatch.problem import Problem, Severity
from paiwatch.snapshot import Entry, Mode

SUFFIX = ".template"
"""`X.template` renders to `X`."""

#: Of a file without bytes, as git names it: often one that was cut off while it was written.
_EMPTY = "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"

_MOST_HOPS = 16  # links that lead to links; a ring of them ends here


@dataclass(frozen=True, slots=True, kw_only=True)
class _Folder:
    """A deploy folder and the service it is of."""

    service: Service
    entries: Mapping[str, Entry]
    links: Mapping[str, bytes]
    document: Document

    def problem(self, where: Path, message: str, remedy: str, severity: Severity = Severity.ERROR) -> Problem:
        """A fault of service.yaml, at the key it is about."""
        mark = self.document.locate(where)
        return Problem(
            file=self.document.file,
            line=mark.line,
            column=mark.column,
            severity=severity,
            message=message,
            remedy=remedy,
            service=self.service.name,
        )

    def file_problem(self, path: str, message: str, remedy: str) -> Problem:
        """A fault of a file beside service.yaml."""
        file = paths.shown(f"{self.service.deploy}/{path}")
        return Problem(file=file, message=message, remedy=remedy, service=self.service.name)

    def target(self, path: str) -> str:
        """What the link at this path says."""
        return self.links.get(self.entries[path].oid, b"").decode(errors="surrogateescape")


def link_oids(entries: Mapping[str, Entry]) -> frozenset[str]:
    """The content ids whose bytes `check_files` wants: the targets of symbolic links."""
    return frozenset(entry.oid for entry in entries.values() if entry.mode is Mode.LINK)


def check_files(
    service: Service, entries: Mapping[str, Entry], links: Mapping[str, bytes], document: Document
) -> tuple[Problem, ...]:
    """What of the declaration the deploy folder cannot keep. `entries` are relative to it; `links` has link targets by oid."""
    folder = _Folder(service=service, entries=entries, links=links, document=document)
    found = (*_kind_faults(folder), *_template_faults(folder), *_script_faults(folder))
    return tuple(sorted(found))


def _kind_faults(folder: _Folder) -> Iterator[Problem]:
    """Submodules, and links that leave the folder."""
    for path, entry in folder.entries.items():
        if entry.mode is Mode.SUBMODULE:
            yield folder.file_problem(
                path, "is a git submodule that is not followed", f"copy its files here, or {FOLLOW}"
            )
        elif entry.mode is Mode.LINK and paths.resolve(path, folder.target(path)) is None:
            yield folder.file_problem(
                path, "is a symbolic link that leaves the deploy folder", "copy the file here instead"
            )


def _template_faults(folder: _Folder) -> Iterator[Problem]:
    """Each listed template has its source, and a place for its result."""
    listed = folder.service.templates
    folders = {parent for path in (*folder.entries, *listed) for parent in paths.parents(path)}
    for template in listed:
        if fault := _template_fault(folder, template, is_folder=template in folders):
            yield folder.problem(_place(folder.document, template), *fault)
        elif template in folder.entries:
            collision = f"'{template}' exists as a file too; the rendered one replaces it"
            place = _place(folder.document, template)
            yield folder.problem(place, collision, "remove one of the two", Severity.WARNING)


def _template_fault(folder: _Folder, template: str, *, is_folder: bool) -> tuple[str, str] | None:
    """What is wrong with one template, and what to do."""
    source = folder.entries.get(template + SUFFIX)
    if parent := _linked_parent(folder, template):
        return _through(f"template '{template}'", parent)
    if source is None:
        return f"'{template}{SUFFIX}' does not exist", _missing_template(folder, template)
    if source.mode is Mode.LINK:
        return f"'{template}{SUFFIX}' is a symbolic link", "make the template a file of its own"
    if is_folder:
        return f"'{template}' is a folder, so nothing can be rendered there", "rename the template"
    return None


def _script_faults(folder: _Folder) -> Iterator[Problem]:
    """Each named script exists once templates are rendered."""
    rendered = frozenset(folder.service.templates)
    for operator, script in folder.service.scripts.items():
        where = (f"{operator}-script",)
        if parent := _linked_parent(folder, script):
            yield folder.problem(where, *_through(f"script '{script}'", parent))
        elif (file := _reached(folder, script, rendered)) is None:
            yield folder.problem(where, f"'{script}' does not exist", _missing_script(folder, script))
        elif operator is Operator.START and file not in rendered and folder.entries[file].oid == _EMPTY:
            remedy = "write the script; if it is to do nothing, say so in it: exit 0"
            yield folder.problem(where, f"'{script}' is empty: it would start nothing and succeed", remedy)


def _reached(folder: _Folder, path: str, rendered: frozenset[str]) -> str | None:
    """The file that will be run: rendered, static, or at the end of links."""
    reached: str | None = path
    for _ in range(_MOST_HOPS):
        if reached is None or reached in rendered:
            return reached
        entry = folder.entries.get(reached)
        if entry is None or entry.mode is Mode.SUBMODULE:
            return None
        if entry.mode is not Mode.LINK:
            return reached
        reached = paths.resolve(reached, folder.target(reached))
    return None


def _linked_parent(folder: _Folder, path: str) -> str:
    """The first folder on the way to `path` that is a symbolic link, or nothing."""
    entries = folder.entries
    return next((up for up in paths.parents(path) if up in entries and entries[up].mode is Mode.LINK), "")


def _through(what: str, parent: str) -> tuple[str, str]:
    return f"{what} lies behind the symbolic link '{parent}'", "make it a real folder, or name the real path"


def _place(document: Document, template: str) -> Path:
    """Where a template is listed first."""
    listed = document.value.get("template-list") if isinstance(document.value, Mapping) else None
    for index, item in enumerate(listed or ()):
        if isinstance(item, str) and paths.normal(item) == template:
            return ("template-list", index)
    return ("template-list",)


def _missing_template(folder: _Folder, template: str) -> str:
    """What to do about a template without its source."""
    if template.endswith(SUFFIX):
        return f"leave out '{SUFFIX}': write '{template.removesuffix(SUFFIX)}'"
    sources = _without_suffix(folder.entries)
    if guess := shape.closest(template, sources - set(folder.service.templates)):
        return guess
    if template in folder.entries:
        return f"rename '{template}' to '{template}{SUFFIX}', or take it off the list: it needs no rendering"
    return f"add '{template}{SUFFIX}', or take '{template}' off the list"


def _missing_script(folder: _Folder, script: str) -> str:
    """What to do about a script without its file."""
    if script + SUFFIX in folder.entries:
        return f"add '{script}' to template-list: there is a '{script}{SUFFIX}'"
    names = {*folder.entries, *folder.service.templates} - {"service.yaml"}
    return shape.closest(script, names) or f"add '{script}' to the deploy folder, or remove the key"


def _without_suffix(entries: Iterable[str]) -> set[str]:
    return {path.removesuffix(SUFFIX) for path in entries if path.endswith(SUFFIX)}
