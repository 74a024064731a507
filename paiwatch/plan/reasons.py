"""Reasons: why a changed service is in the plan, file by file and key by key. PURE; data with a sentence each."""

from collections.abc import Sequence

from paiwatch.catalog.service import Operator, Service
from paiwatch.plan import pins
from paiwatch.plan.applied import Applied
from paiwatch.plan.keys import KeyChange, find_key_changes
from paiwatch.plan.plan import Kind, Reason
from paiwatch.plan.watched import explain_watched
from paiwatch.releases.release import Release

#: More than this nobody reads; the rest is counted.
MOST = 20

_SUFFIX = ".template"


def bound(reasons: Sequence[Reason]) -> tuple[Reason, ...]:
    """The first twenty, and how many more there are."""
    if len(reasons) <= MOST:
        return tuple(reasons)
    more = Reason(kind=reasons[MOST].kind, detail=f"and {len(reasons) - MOST} more")
    return (*reasons[:MOST], more)


def explain_change(
    kind: Kind, service: Service, release: Release, applied: Applied | None
) -> tuple[Reason, ...]:
    """Why a service counts as new or changed; never empty. A rollback comes first."""
    told = pins.reason(release, applied)
    unfinished = _explain_unfinished(applied) if applied is not None and applied.touched else ()
    if kind is Kind.NEW or applied is None:
        return (
            *told,
            Reason(kind="new", detail=f"'{service.name}' is not running yet: no start of it has succeeded"),
            *unfinished,
        )
    if applied.digest == release.digest:
        return (*told, *unfinished)
    differences = (
        *_explain_keys(service, release, applied),
        *_explain_files(service, release, applied),
        *explain_watched(service, release, applied),
    )
    if not differences:
        detail = f"release {release.digest[:8]} replaces {applied.digest[:8]}"
        differences = (Reason(kind="file", detail=detail, file=service.deploy),)
    return (*told, *unfinished, *differences)


def _explain_unfinished(applied: Applied) -> tuple[Reason, ...]:
    """The record cannot tell what runs: the last operator began and did not succeed, or brought the service down."""
    operator = applied.touched_by or "run"
    short = applied.touched[:8]
    if operator in {Operator.STOP, Operator.DELETE}:
        detail = f"its last operator was {operator} (release {short}), so it may be down"
    else:
        detail = f"its last {operator} (release {short}) had not succeeded by then, so what runs was unknown"
    return (Reason(kind="unfinished", detail=detail),)


def _explain_keys(service: Service, release: Release, applied: Applied) -> tuple[Reason, ...]:
    """Keys that read differently in templates whose own text is as it was."""
    changes = find_key_changes(
        (read for read in applied.reads if _has_same_text(read.template, release, applied)),
        (read for read in release.reads if _has_same_text(read.template, release, applied)),
    )
    return tuple(_explain_key(service, change) for change in changes)


def _explain_key(service: Service, change: KeyChange) -> Reason:
    template = _source(change.template)
    return Reason(
        kind="key",
        detail=f"{change.sentence}, read by {template}",
        file=f"{service.deploy}/{template}",
        key=change.key,
        before=change.before,
        after=change.after,
    )


def _explain_files(service: Service, release: Release, applied: Applied) -> tuple[Reason, ...]:
    """Files that were added, removed, or differ in bytes or mode, without those that keys or templates explain."""
    old, new = applied.files, release.files
    explained = _explained(release, applied)
    reasons = []
    for path in sorted(old.keys() | new.keys()):
        if path in explained or old.get(path) == new.get(path):
            continue
        file = f"{service.deploy}/{path}"
        reasons.append(Reason(kind="file", detail=f"{file} {_difference(path, release, applied)}", file=file))
    return tuple(reasons)


def _difference(path: str, release: Release, applied: Applied) -> str:
    old, new = applied.files.get(path), release.files.get(path)
    if old is None or new is None:
        return "was added" if old is None else "was removed"
    if old.mode != new.mode:
        bytes_too = "" if old.oid == new.oid else ", and its content"
        return f"changed its mode from {old.mode} to {new.mode}{bytes_too}"
    return "renders differently" if path in release.rendered else "changed"


def _explained(release: Release, applied: Applied) -> frozenset[str]:
    """Rendered files, there before and after in the same mode, of which the template or a key already says why."""
    templates = {_source(change.template) for change in find_key_changes(applied.reads, release.reads)}
    return frozenset(
        path
        for path in release.rendered
        if path in applied.files
        and applied.files[path].mode == release.files[path].mode
        and (_source(path) in templates or not _has_same_text(path, release, applied))
    )


def _has_same_text(template: str, release: Release, applied: Applied) -> bool:
    """Whether the template itself is as it was. A release that does not carry its templates cannot tell: then yes."""
    source = _source(template)
    return applied.files.get(source) == release.files.get(source)


def _source(template: str) -> str:
    """The template's own file; reads name it by the file that it makes."""
    return template if template.endswith(_SUFFIX) else f"{template}{_SUFFIX}"
