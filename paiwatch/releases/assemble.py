"""A deploy folder, its texts and cluster_cfg become a Release, or the problems that prevent it. PURE.

Whether templates and scripts exist at all is the catalog's business; this renders what is listed and there. Whether that may be
run is the business of lints: between `draft` and `assemble` somebody asks them.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from operator import attrgetter
from types import MappingProxyType

from paiwatch.catalog.service import Service
from paiwatch.model.reads import Read, Sight
from paiwatch.problem import Problem
from paiwatch.releases.affinity import Yaml
from paiwatch.releases.deploy_rules import ruled
from paiwatch.releases.digest import release_digest
from paiwatch.releases.environment import Text
from paiwatch.releases.release import Release, ReleaseFile, RenderedFiles
from paiwatch.releases.render import Rendered, Renderer, Sheet
from paiwatch.snapshot import Entry, Mode, blob_id

SUFFIX = ".template"
_CALLS_OTHERS = re.compile(rb"\{%[-+]?\s*(?:include|import|from|extends)\b")
_FILES = frozenset({Mode.FILE, Mode.EXECUTABLE})


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What the templates of one service made, as they made it: no lint has seen it, and deploy-rules are not in it yet.

    `made` is by rendered name, in their order; `unreadable` are the problems of templates that are no text.
    """

    service: Service
    entries: Mapping[str, Entry]
    sheet: Sheet
    made: Mapping[str, Rendered | Problem]
    unreadable: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Assembled:
    """Either the rendered files with their release, or none and the problems why."""

    rendered: RenderedFiles | None
    problems: tuple[Problem, ...] = ()

    @property
    def release(self) -> Release | None:
        """The release without bytes, for who keeps very many."""
        return None if self.rendered is None else self.rendered.release


def template_oids(service: Service, entries: Mapping[str, Entry]) -> frozenset[str]:
    """Content ids of the listed templates. `entries` are relative to the deploy folder."""
    return frozenset(entry.oid for entry in _sources(service, entries).values())


def included_oids(
    service: Service, entries: Mapping[str, Entry], contents: Mapping[str, bytes]
) -> frozenset[str]:
    """Content ids of all that a template may include: every file of the folder, if any of its templates includes others."""
    if any(_CALLS_OTHERS.search(contents[oid]) for oid in template_oids(service, entries)):
        return frozenset(entry.oid for entry in entries.values() if entry.mode in _FILES)
    return frozenset()


def sheet_of(
    service: Service, entries: Mapping[str, Entry], contents: Mapping[str, bytes]
) -> tuple[Sheet, list[Problem]]:
    """What the templates of this service are given, and the problems of those that are no text; `contents` as in `release_of`."""
    texts, problems = _texts(service, entries, contents)
    return Sheet(service=service.name, deploy=service.deploy, texts=texts, facts=_facts(service)), problems


def draft(
    service: Service,
    entries: Mapping[str, Entry],
    *,
    contents: Mapping[str, bytes],
    sight: Sight,
    renderer: Renderer,
) -> Draft:
    """All templates of this service, rendered. `contents` has at least `template_oids` and `included_oids` by content id."""
    sheet, problems = sheet_of(service, entries, contents)
    made = {
        target: renderer.render(target + SUFFIX, sheet, sight.cluster_cfg)
        for target in sorted(_sources(service, entries))
        if target + SUFFIX in sheet.texts
    }
    return Draft(service=service, entries=entries, sheet=sheet, made=made, unreadable=tuple(problems))


def assemble(
    drafted: Draft,
    sight: Sight,
    yaml: Yaml | None,
    told: Mapping[str, Sequence[Problem]] = MappingProxyType({}),
) -> Assembled:
    """The release of this draft. What is `told` of a file, by rendered name, is told in place of its own problem.

    With `yaml`, deploy-rules place what was rendered.
    """
    rendered: dict[str, Rendered] = {}
    problems = list(drafted.unreadable)
    for target, made in drafted.made.items():
        outcome = told.get(target) or _placed(made, target, drafted.service, yaml)
        if isinstance(outcome, Rendered):
            rendered[target] = outcome
        else:
            known = {problem.message for problem in problems}
            problems += [problem for problem in outcome if problem.message not in known]
    if problems:
        return Assembled(rendered=None, problems=tuple(sorted(problems)))
    contents = {target: made.content for target, made in rendered.items()}
    return Assembled(rendered=RenderedFiles(_release(drafted, rendered, sight), contents))


def release_of(
    service: Service,
    entries: Mapping[str, Entry],
    *,
    contents: Mapping[str, bytes],
    sight: Sight,
    renderer: Renderer,
) -> Assembled:
    """The release of this service as its templates make it, which no lint has seen; arguments as in `draft`."""
    drafted = draft(service, entries, contents=contents, sight=sight, renderer=renderer)
    return assemble(drafted, sight, renderer.yaml)


def watching(release: Release, watched: Mapping[str, Entry]) -> Release:
    """The same with these files (by path from the tree's root) as the watched ones."""
    if release.watched == watched:
        return release
    return replace(release, watched=watched, digest=release_digest(release.files, watched))


def _placed(
    made: Rendered | Problem, target: str, service: Service, yaml: Yaml | None
) -> Rendered | tuple[Problem]:
    """One file with its workloads where deploy-rules say, or why not."""
    if yaml is not None and isinstance(made, Rendered):
        made = ruled(made, target, service, yaml)
    return made if isinstance(made, Rendered) else (made,)


def _release(drafted: Draft, rendered: Mapping[str, Rendered], sight: Sight) -> Release:
    entries = drafted.entries
    files = {path: ReleaseFile(entry.mode, entry.oid) for path, entry in entries.items()}
    for target, outcome in rendered.items():
        files[target] = ReleaseFile(entries[target + SUFFIX].mode, blob_id(outcome.content))
    return Release(
        service=drafted.service.name,
        digest=release_digest(files),
        files=dict(sorted(files.items())),
        rendered=frozenset(rendered),
        reads=_reads(rendered, sight),
    )


def _reads(rendered: Mapping[str, Rendered], sight: Sight) -> tuple[Read, ...]:
    found = [
        sight.read(target, path, how) for target, outcome in rendered.items() for path, how in outcome.touched
    ]
    try:
        return tuple(sorted(found, key=_plain_order))
    except TypeError:  # in one place an index and a key
        return tuple(sorted(found, key=_order))


_plain_order = attrgetter("template", "path", "how")  # the same as `_order` as long as keys can be compared


def _order(read: Read) -> tuple[str, list[tuple[bool, int, str]], str]:
    """Indexes before keys: the two cannot be compared with each other."""
    parts = [(True, 0, key) if isinstance(key, str) else (False, key, "") for key in read.path]
    return read.template, parts, read.how


def _sources(service: Service, entries: Mapping[str, Entry]) -> Mapping[str, Entry]:
    """Rendered name to the entry of its template, for those that are files."""
    found = {target: entries.get(target + SUFFIX) for target in service.templates}
    return {target: entry for target, entry in found.items() if entry is not None and entry.mode in _FILES}


def _texts(
    service: Service, entries: Mapping[str, Entry], contents: Mapping[str, bytes]
) -> tuple[dict[str, Text], list[Problem]]:
    """Every text a template of this service may ask for; a listed template that is not UTF-8 is a problem."""
    listed = {target + SUFFIX for target in _sources(service, entries)}
    wanted = template_oids(service, entries) | included_oids(service, entries, contents)
    texts: dict[str, Text] = {}
    problems: list[Problem] = []
    for path, entry in entries.items():
        if entry.mode not in _FILES or entry.oid not in wanted:
            continue
        try:
            texts[path] = Text(entry.oid, contents[entry.oid].decode())
        except UnicodeDecodeError as error:
            if path in listed:
                problems.append(_not_text(service, path, contents[entry.oid], error))
    return texts, problems


def _not_text(service: Service, path: str, content: bytes, error: UnicodeDecodeError) -> Problem:
    return Problem(
        file=f"{service.deploy}/{path}",
        line=content.count(b"\n", 0, error.start) + 1,
        message="is not UTF-8 text, so it cannot be a template",
        remedy="save it as UTF-8, or take it off template-list",
        service=service.name,
    )


def _facts(service: Service) -> Mapping[str, str]:
    """What templates see as `service`: all of it follows from where the folder lies, so it is not tracked."""
    return {"name": service.name, "folder": service.folder, "deploy": service.deploy}
