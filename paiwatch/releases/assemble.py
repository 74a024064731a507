"""A deploy folder, its texts and cluster_cfg become a Release, or the problems that prevent it. PURE.

Whether templates and scripts exist at all is the catalog's business; this renders what is listed and there.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from operator import attrgetter

from paiwatch.catalog.service import Service
from paiwatch.model.reads import Read, Sight
from paiwatch.problem import Problem
from paiwatch.releases.checks import doubtful, ruled
from paiwatch.releases.digest import release_digest
from paiwatch.releases.environment import Text
from paiwatch.releases.release import Release, ReleaseFile
from paiwatch.releases.render import Rendered, Renderer, Sheet
from paiwatch.releases.splices import is_yaml, misread
from paiwatch.snapshot import Entry, Mode, blob_id

SUFFIX = ".template"
_CALLS_OTHERS = re.compile(rb"\{%[-+]?\s*(?:include|import|from|extends)\b")
_FILES = frozenset({Mode.FILE, Mode.EXECUTABLE})


@dataclass(frozen=True, slots=True, kw_only=True)
class Assembled:
    """Either a release with the bytes of its rendered files, or no release and the problems why."""

    release: Release | None
    problems: tuple[Problem, ...] = ()


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


def release_of(
    service: Service,
    entries: Mapping[str, Entry],
    *,
    contents: Mapping[str, bytes],
    sight: Sight,
    renderer: Renderer,
) -> Assembled:
    """The release of this service. `contents` has at least `template_oids` and `included_oids` by content id."""
    sheet, problems = sheet_of(service, entries, contents)
    rendered: dict[str, Rendered] = {}
    for target in sorted(_sources(service, entries)):
        if target + SUFFIX in sheet.texts:
            outcome = _outcome(service, target, sheet, sight, renderer)
            if isinstance(outcome, Rendered):
                rendered[target] = outcome
            else:
                problems += [
                    one for one in outcome if one.message not in {known.message for known in problems}
                ]
    if problems:
        return Assembled(release=None, problems=tuple(sorted(problems)))
    return Assembled(release=_release(service, entries, rendered, sight))


def watching(assembled: Assembled, watched: Mapping[str, Entry]) -> Assembled:
    """The same with these files (by path from the tree's root) as the watched ones."""
    release = assembled.release
    if release is None or release.watched == watched:
        return assembled
    digest = release_digest(release.files, watched)
    return replace(assembled, release=replace(release, watched=watched, digest=digest))


def _outcome(
    service: Service, target: str, sheet: Sheet, sight: Sight, renderer: Renderer
) -> Rendered | list[Problem]:
    """One file, rendered, with nothing doubtful in it and placed where deploy-rules say; or why not."""
    name = target + SUFFIX
    outcome = renderer.render(name, sheet, sight.cluster_cfg)
    if found := doubtful(outcome, name, sheet, sight, renderer):
        return found
    if isinstance(outcome, Problem):
        return [outcome]
    if renderer.yaml is None:
        return outcome
    if is_yaml(target) and (
        found := misread(outcome, name, sheet, sight=sight, renderer=renderer, yaml=renderer.yaml)
    ):
        return found
    placed = ruled(outcome, target, service, renderer.yaml)
    return placed if isinstance(placed, Rendered) else [placed]


def _release(
    service: Service, entries: Mapping[str, Entry], rendered: Mapping[str, Rendered], sight: Sight
) -> Release:
    files = {path: ReleaseFile(entry.mode, entry.oid) for path, entry in entries.items()}
    for target, outcome in rendered.items():
        files[target] = ReleaseFile(entries[target + SUFFIX].mode, blob_id(outcome.content))
    return Release(
        service=service.name,
        digest=release_digest(files),
        files=dict(sorted(files.items())),
        rendered={target: outcome.content for target, outcome in rendered.items()},
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
