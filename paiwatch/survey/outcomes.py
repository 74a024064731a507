"""The release of every service, rendered again only where its own files changed or a read sees something else."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice
from types import MappingProxyType
from typing import Any

from paiwatch.catalog.catalog import Declared
from paiwatch.catalog.components import Deploy
from paiwatch.catalog.service import Service
from paiwatch.model.reads import TOP, Sight
from paiwatch.plan.applied import Memory
from paiwatch.releases.assemble import Assembled, included_oids, release_of, template_oids, watching
from paiwatch.releases.release import OnDemand
from paiwatch.releases.render import Renderer
from paiwatch.releases.seal import rules_of
from paiwatch.snapshot import Contents
from paiwatch.survey.components import Components
from paiwatch.survey.recall import recall

#: Services whose templates are in memory at once.
_BATCH = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one service, and the very objects it was made from."""

    declared: Declared
    deploy: Deploy
    assembled: Assembled  # without rendered bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcomes:
    """By service; `readers` has, for each top-level section, the services that looked into it (TOP: at all of it)."""

    by_service: Mapping[str, Outcome] = field(default_factory=dict)
    readers: Mapping[Any, frozenset[str]] = field(default_factory=dict)


def survey_outcomes(
    components: Components,
    sight: Sight,
    changed: Iterable[Any],
    *,
    read: Contents,
    renderer: Renderer,
    before: Outcomes,
    memory: Memory = MappingProxyType({}),
) -> Outcomes:
    """The outcomes for this src tree and this cluster_cfg, whose sections `changed` since `before` was made.

    `memory` may save rendering those that `before` does not have; it never changes the result.
    """
    wanted = components.catalog.services.keys() - components.catalog.invalid
    kept = {
        name: outcome
        for name, outcome in before.by_service.items()
        if name in wanted and outcome.deploy is components.deploys[name]
    }
    for name in _suspects(changed, before.readers):
        if name in kept and not _is_same(kept[name], sight):
            del kept[name]
    missing = wanted - kept.keys()
    fresh = dict(_recalled(missing & memory.keys(), components, sight, memory=memory, renderer=renderer))
    fresh |= _fresh(sorted(missing - fresh.keys()), components, sight, read=read, renderer=renderer)
    others = dict(_watching_others(kept, components))
    if not fresh and not others and len(kept) == len(before.by_service):
        return before
    kept |= others
    return Outcomes(
        by_service={name: fresh.get(name) or kept[name] for name in sorted(wanted)},
        readers=_readers(before, kept, fresh),
    )


def assembled_in_full(
    service: Service, deploy: Deploy, sight: Sight, *, read: Contents, renderer: Renderer
) -> Assembled:
    """The release of one service with its rendered bytes."""
    contents = contents_of(service, deploy, read)
    return _ruled(
        service, release_of(service, deploy, contents=contents, sight=sight, renderer=renderer), renderer
    )


def contents_of(service: Service, deploy: Deploy, read: Contents) -> Mapping[str, bytes]:
    """All texts that the templates of one service may ask for, by content id."""
    contents = dict(read(template_oids(service, deploy)))
    contents |= read(included_oids(service, deploy, contents) - contents.keys())
    return contents


def _suspects(changed: Iterable[Any], readers: Mapping[Any, frozenset[str]]) -> frozenset[str]:
    """Services that looked into a changed section, or at everything."""
    sections = list(changed)
    if not sections:
        return frozenset()
    return frozenset().union(*(readers.get(section, frozenset()) for section in (*sections, TOP)))


def _is_same(outcome: Outcome, sight: Sight) -> bool:
    release = outcome.assembled.release
    return release is not None and sight.same(release.reads)


def _watching_others(kept: Mapping[str, Outcome], components: Components) -> Iterator[tuple[str, Outcome]]:
    """Those that watch other files than before: nothing is rendered again for that."""
    for name, watched in components.watched.items():
        if (
            name in kept
            and (assembled := watching(kept[name].assembled, watched)) is not kept[name].assembled
        ):
            yield name, replace(kept[name], assembled=assembled)


def _recalled(
    names: Iterable[str], components: Components, sight: Sight, *, memory: Memory, renderer: Renderer
) -> Iterator[tuple[str, Outcome]]:
    """Those that the record remembers just as they would be rendered."""
    for name in names:
        service, deploy = components.catalog.services[name], components.deploys[name]
        release = recall(service, deploy, memory[name], sight, renderer)
        if release is not None:
            assembled = watching(Assembled(release=release), components.watched.get(name, {}))
            yield name, Outcome(declared=components.declared[name], deploy=deploy, assembled=assembled)


def _fresh(
    names: Iterable[str], components: Components, sight: Sight, *, read: Contents, renderer: Renderer
) -> Iterator[tuple[str, Outcome]]:
    for batch in _batches(names):
        services = {name: components.catalog.services[name] for name in batch}
        contents = _contents(services, components.deploys, read)
        for name, service in services.items():
            deploy = components.deploys[name]
            assembled = release_of(service, deploy, contents=contents, sight=sight, renderer=renderer)
            assembled = _ruled(service, watching(assembled, components.watched.get(name, {})), renderer)
            yield (
                name,
                Outcome(declared=components.declared[name], deploy=deploy, assembled=_light(assembled)),
            )


def _contents(
    services: Mapping[str, Service], deploys: Mapping[str, Deploy], read: Contents
) -> Mapping[str, bytes]:
    """All texts that these services may ask for: one read for the templates, one more if any includes others."""
    wanted = {oid for name, service in services.items() for oid in template_oids(service, deploys[name])}
    contents = dict(read(wanted))
    more = {
        oid for name, service in services.items() for oid in included_oids(service, deploys[name], contents)
    }
    if more - contents.keys():
        contents |= read(more - contents.keys())
    return contents


def _batches(names: Iterable[str]) -> Iterator[list[str]]:
    rest = iter(names)
    while batch := list(islice(rest, _BATCH)):
        yield batch


def _ruled(service: Service, assembled: Assembled, renderer: Renderer) -> Assembled:
    """With the rules in the release, unless problems came with it: recalled, it would come without them."""
    if assembled.release is None or assembled.problems:
        return assembled
    return replace(assembled, release=replace(assembled.release, rules=rules_of(service, renderer)))


def _light(assembled: Assembled) -> Assembled:
    """Without bytes: ten thousand services would not fit."""
    if assembled.release is None:
        return assembled
    names = OnDemand(frozenset(assembled.release.rendered))
    return replace(assembled, release=replace(assembled.release, rendered=names))


def _readers(
    before: Outcomes, kept: Mapping[str, Outcome], fresh: Mapping[str, Outcome]
) -> dict[Any, frozenset[str]]:
    gone = {name: outcome for name, outcome in before.by_service.items() if name not in kept}
    left, came = _by_section(gone), _by_section(fresh)
    readers = dict(before.readers)
    for section in left.keys() | came.keys():
        readers[section] = (readers.get(section, frozenset()) - left.get(section, set())) | came.get(
            section, set()
        )
        if not readers[section]:
            del readers[section]
    return readers


def _by_section(outcomes: Mapping[str, Outcome]) -> dict[Any, set[str]]:
    found: dict[Any, set[str]] = {}
    for name, outcome in outcomes.items():
        for section in _sections(outcome.assembled):
            found.setdefault(section, set()).add(name)
    return found


def _sections(assembled: Assembled) -> set[Any]:
    """The sections a service looked into. One that failed has no reads that could vouch for it: it looked at all."""
    if assembled.release is None:
        return {TOP}
    return {read.path[0] if read.path else TOP for read in assembled.release.reads}
