"""Watched: which files outside a service's own folder explain that it changed. PURE."""

from collections.abc import Iterator

from paiwatch.catalog.service import Service
from paiwatch.plan.applied import Applied
from paiwatch.plan.plan import Reason
from paiwatch.releases.release import Release


def explain_watched(service: Service, release: Release, applied: Applied) -> Iterator[Reason]:
    """`version/PAI.VERSION changed, watched by 'version/*.VERSION'`: one for each file, by path."""
    old, new = applied.watched, release.watched
    if old == new:
        return
    for path in sorted(old.keys() | new.keys()):
        if old.get(path) != new.get(path):
            yield Reason(kind="file", detail=f"{path} {_told(path, service, release, applied)}", file=path)


def _told(path: str, service: Service, release: Release, applied: Applied) -> str:
    pattern = next((each for each in service.watch if each.matches(path)), None)
    if path not in release.watched:
        return "is not watched any more" if pattern is None else f"was removed; watched by '{pattern.text}'"
    by = f"watched by '{pattern.text}'" if pattern else "watched"
    if path not in applied.watched:
        return f"is new among what is {by}"
    old, new = applied.watched[path], release.watched[path]
    if old.oid == new.oid:
        return f"changed its mode from {old.mode} to {new.mode}, {by}"
    return f"changed, {by}"
