"""What happened since a service was applied that left it as it is. Looks at the older snapshot, then at the present one again."""

import asyncio
from dataclasses import dataclass

from paiwatch.cli import view
from paiwatch.cli.view import View
from paiwatch.errors import ConfigError, StalledError, TransientError
from paiwatch.plan import elsewhere
from paiwatch.plan.applied import Applied
from paiwatch.plan.elsewhere import ChangedKey
from paiwatch.settings.sections import Settings
from paiwatch.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Since:
    """Sentences, and the changed keys they are about."""

    sentences: tuple[str, ...] = ()
    keys: tuple[ChangedKey, ...] = ()


_NOTHING = Since()


def since_applied(service: str, seen: View, settings: Settings) -> Since:
    """Nothing when the service has a step, never ran, or its snapshot cannot be looked at any more (a live directory, a rewritten history)."""
    applied = seen.memory.get(service)
    if applied is None or applied.touched or service not in seen.desired.releases:
        return _NOTHING
    if any(step.id.service == service for step in seen.plan.steps):
        return _NOTHING
    now = seen.desired.snapshot
    before = _snapshot_of(applied, seen, settings)
    return _NOTHING if before is None or before.ids == now.ids else _compare(service, seen, before)


def _snapshot_of(applied: Applied, seen: View, settings: Settings) -> Snapshot | None:
    """What the service was applied from; of a live directory only the present state exists."""
    config = applied.config if settings.config.repo else None
    src = applied.src if settings.src.repo else None
    if not config and not src:
        return None
    try:
        then = seen.sources.look(seen.desired.snapshot, config_rev=config or None, src_rev=src or None)
        return asyncio.run(then).snapshot
    except (ConfigError, StalledError, TransientError):
        return None


def _compare(service: str, seen: View, before: Snapshot) -> Since:
    now, survey, sources = seen.desired.snapshot, seen.survey, seen.sources
    after = seen.rendering.sight
    is_broken = view.survey_at(survey, sources, before).is_broken
    older = survey.rendering.sight
    view.survey_at(survey, sources, now)
    if is_broken or after is None or older is None:
        return _NOTHING
    keys = elsewhere.changed_keys(older, after, seen.desired.releases)
    commits = sources.log_config(before.config.revision.id, now.config.revision.id)
    sentences = [*elsewhere.tell_keys(service, keys, commits)]
    files = [
        path
        for path in sorted(before.src.files.keys() | now.src.files.keys())
        if before.src.files.get(path) != now.src.files.get(path)
    ]
    commits = sources.log_src(before.src.revision.id, now.src.revision.id)
    sentences += elsewhere.tell_files(service, files, commits)
    return Since(tuple(map(seen.scrub, sentences)), keys)
